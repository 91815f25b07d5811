//! A TCP proxy that fails as told: refuses, stands still, delays, or cuts every connection at the n-th message, before
//! or after that message has reached the other side.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to connections, old ones and new ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Nothing.
    Fair,
    /// Open connections are cut, new ones closed at once.
    Down,
    /// Connections stay open and nothing passes (half-open, `CLIENT PAUSE`).
    Still,
    /// What was asked arrives; the answer does not, and the connection is cut.
    Deaf,
}

/// Which side of the n-th message a cut falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The message does not arrive.
    Before,
    /// It arrives; its answer does not.
    After,
}

struct State {
    /// The weather, and how often everything was cut.
    weather: watch::Sender<(Weather, u64)>,
    /// Messages until the cut; negative: none is due.
    left: AtomicI64,
    side: Mutex<Side>,
    delay: AtomicU64,
}

/// A running proxy; lives as long as the test program.
#[derive(Clone)]
pub struct FaultProxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    state: Arc<State>,
}

impl FaultProxy {
    /// A proxy in front of a port of 127.0.0.1.
    pub fn before(target: u16) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let state = Arc::new(State {
            weather: watch::channel((Weather::Fair, 0)).0,
            left: AtomicI64::new(-1),
            side: Mutex::new(Side::Before),
            delay: AtomicU64::new(0),
        });
        let served = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, target, served));
        });
        Self { port, state }
    }

    /// Changes the weather, for open connections too.
    pub fn set(&self, weather: Weather) {
        self.state.weather.send_modify(|(now, _)| *now = weather);
    }

    /// Every message takes this much longer.
    pub fn delay(&self, by: Duration) {
        self.state.delay.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Cuts every connection at the n-th message from now, counted from 1; then the weather is fair again.
    pub fn cut_at(&self, message: i64, side: Side) {
        *self.state.side.lock().unwrap() = side;
        self.state.left.store(message, Ordering::SeqCst);
    }

    /// No cut is due any more. `true` when it had happened.
    pub fn disarm(&self) -> bool {
        self.state.left.swap(-1, Ordering::SeqCst) <= 0
    }
}

async fn serve(listener: std::net::TcpListener, target: u16, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let Ok((caller, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            // Dropping both sockets cuts the connection.
            if state.weather.borrow().0 != Weather::Down {
                drop(carry(caller, target, &state).await);
            }
        });
    }
}

async fn carry(mut caller: TcpStream, target: u16, state: &State) -> std::io::Result<()> {
    let mut server = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, target))).await?;
    caller.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let mut weather = state.weather.subscribe();
    let born = weather.borrow().1;
    let (mut up, mut down) = ([0u8; 16 * 1024], [0u8; 16 * 1024]);
    loop {
        let (now, cuts) = *weather.borrow_and_update();
        if now == Weather::Down || cuts != born {
            return Ok(());
        }
        tokio::select! {
            changed = weather.changed() => {
                if changed.is_err() {
                    return Ok(());
                }
            }
            read = caller.read(&mut up), if now != Weather::Still => {
                let length = read?;
                if length == 0 {
                    return Ok(());
                }
                let delay = state.delay.load(Ordering::SeqCst);
                if delay > 0 {
                    tokio::time::sleep(Duration::from_millis(delay)).await;
                }
                let cut = state.left.load(Ordering::SeqCst) > 0 && state.left.fetch_sub(1, Ordering::SeqCst) == 1;
                let side = *state.side.lock().unwrap();
                if cut && side == Side::Before {
                    return cut_all(state);
                }
                server.write_all(&up[..length]).await?;
                if cut {
                    // The answer shows that it was done; it goes no further.
                    drop(tokio::time::timeout(Duration::from_millis(500), server.read(&mut down)).await);
                    return cut_all(state);
                }
            }
            read = server.read(&mut down), if now != Weather::Still => {
                let length = read?;
                if length == 0 || now == Weather::Deaf {
                    return Ok(());
                }
                caller.write_all(&down[..length]).await?;
            }
        }
    }
}

fn cut_all(state: &State) -> std::io::Result<()> {
    state.weather.send_modify(|(_, cuts)| *cuts += 1);
    Ok(())
}
