//! Faults: what is told must stay true when processes die, replies are lost, stores stop, fill up or stand still. After
//! each fault the invariants are checked: what counts once counted once (I1), revoked stays revoked (I2), what was
//! acknowledged is there (I3) with its audit row (I4), and nobody got a yes that was none (I9).
//!
//! `./integration-tests/run faults`; with many more kills:
//!
//! ```sh
//! DINHDANH_KILL_CYCLES=200 ./integration-tests/run faults
//! ```

mod clocks;
mod kills;
mod limits;
mod load;
mod power;
mod registers;
mod stores;
mod wires;
