//! `register-sim`: the consumer side of an X-Road security server with a synthetic population behind it.
//!
//! `POST /r1/{instance}/{class}/{member}/{subsystem}/{service}` asks, `GET …/allowedMethods` and `…/listMethods` list,
//! `GET /listClients` names the members, `GET /health` answers 200. `POST /faults` makes things go wrong
//! (`{"kind":"slow","ms":2000,"service":"look-up-person","times":3}`), `GET /faults` shows and `DELETE /faults` ends it.
//! `POST /companies` changes an organization (`{"code":"0199999511","status":"suspended","without":["…"]}`).
//! For test benches only: whoever reaches the port may steer it.

mod args;
mod company;
mod demo;
mod fault;
mod names;
mod population;
mod random;
mod reply;
mod server;
mod tls;

pub use args::RegisterSimArgs;
pub use company::{Company, CompanyChange, CompanyStatus, Representative};
pub use demo::{
    AGENCY_CODE, AN, BAY, BINH_MINH_TAX_CODE, DemoPerson, HOA, HOA_SEN_TAX_CODE, LAN, MINH, QUOC_ANH, SAO_MAI_TAX_CODE,
    demo_people,
};
pub use fault::{FaultKind, FaultRule, UnknownFault};
pub use population::{MOST_PEOPLE, Population, SimPerson};
pub use server::{SeenRequest, Simulator};
pub use tls::SimulatorTls;

use std::io;
use std::net::TcpListener;
use std::time::Duration;
use tokio::sync::watch;

/// The simulated population look-up. Vietnam's own X-Road names are not public, so these are made up.
pub const POPULATION_SERVICE: &str = "VN-SIM/GOV/C06/POPULATION/look-up-person";
/// The simulated enterprise look-up.
pub const ENTERPRISE_SERVICE: &str = "VN-SIM/GOV/DKKD/ENTERPRISE/look-up-enterprise";
/// The simulated look-up of state bodies.
pub const AGENCY_SERVICE: &str = "VN-SIM/GOV/NOIVU/AGENCIES/look-up-agency";
/// A consumer that the demo may call itself; the simulator accepts any.
pub const DEMO_CLIENT: &str = "VN-SIM/GOV/DINHDANH/IDP";

/// What to simulate.
#[derive(Debug, Clone)]
pub struct SimulatorOptions {
    /// How many people.
    pub people: u32,
    /// Which people.
    pub seed: u64,
    /// HTTPS instead of HTTP.
    pub tls: Option<SimulatorTls>,
    /// What goes wrong from the start.
    pub fault: Option<FaultKind>,
}

impl Default for SimulatorOptions {
    fn default() -> Self {
        Self { people: 10_000, seed: 7, tls: None, fault: None }
    }
}

impl SimulatorOptions {
    /// The simulator of these options, with the named test citizens. Its [`Simulator::router`] works in process.
    pub fn simulator(&self) -> Simulator {
        let simulator = Simulator::new(Population::generate(self.people, self.seed).with_demo_people());
        if let Some(fault) = &self.fault {
            simulator.add_fault(fault.clone());
        }
        simulator
    }
}

/// Serves on a bound listener until `stop` is true or its sender is gone.
///
/// # Errors
/// The TLS files cannot be used, or the listener fails.
pub async fn serve(listener: TcpListener, options: SimulatorOptions, stop: watch::Receiver<bool>) -> io::Result<()> {
    let simulator = options.simulator();
    serve_simulator(listener, &simulator, options.tls.as_ref(), stop).await
}

/// As [`serve`], with a simulator that the caller keeps a hold of.
///
/// # Errors
/// As [`serve`].
pub async fn serve_simulator(
    listener: TcpListener,
    simulator: &Simulator,
    tls: Option<&SimulatorTls>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let handle = axum_server::Handle::new();
    let stopper = handle.clone();
    let watching = tokio::spawn(async move {
        // A sender that is gone cannot say stop any more: then it is time, too.
        let _ = stop.wait_for(|stop| *stop).await;
        stopper.graceful_shutdown(Some(Duration::from_secs(1)));
    });
    let service = simulator.router().into_make_service();
    let served = match tls {
        None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
        Some(tls) => axum_server::from_tcp_rustls(listener, tls.config()?)?.handle(handle).serve(service).await,
    };
    watching.abort();
    served
}

/// The command: serves until interrupted (Ctrl-C, SIGTERM). Says where on its first line: for people, or as JSON.
///
/// # Errors
/// The address is taken or the TLS files cannot be used.
pub async fn run(args: RegisterSimArgs, json: bool) -> io::Result<()> {
    let options = args.options();
    let listener = TcpListener::bind(args.listen)?;
    let scheme = if options.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    if json {
        println!("{}", serde_json::json!({ "url": url, "people": options.people, "seed": options.seed }));
    } else {
        println!("register-sim: {url} people={} seed={}", options.people, options.seed);
    }
    let (stop, stopped) = watch::channel(false);
    let signals = tokio::spawn(async move {
        interrupted().await;
        let _ = stop.send(true);
    });
    let served = serve(listener, options, stopped).await;
    signals.abort();
    served
}

async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
