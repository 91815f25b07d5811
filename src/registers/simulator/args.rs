//! Command line of `register-sim`.

use super::fault::FaultKind;
use super::{SimulatorOptions, SimulatorTls};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A simulated X-Road security server with a synthetic population.
#[derive(Debug, Clone, Args)]
pub struct RegisterSimArgs {
    /// How many people to make up, at most 1000000
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub people: u32,
    /// The same seed makes the same people
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:8093")]
    pub listen: SocketAddr,
    /// Certificate chain (PEM): serve HTTPS
    #[arg(long, requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Who may vouch for callers (PEM): a client certificate is then required
    #[arg(long, requires = "tls_cert")]
    pub tls_ca: Option<PathBuf>,
    /// What goes wrong from the start, such as slow:2000, down or error_snake_case
    #[arg(long)]
    pub fault: Option<FaultKind>,
}

impl RegisterSimArgs {
    /// The options the arguments mean.
    pub fn options(&self) -> SimulatorOptions {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(SimulatorTls {
                certificate: certificate.clone(),
                key: key.clone(),
                client_ca: self.tls_ca.clone(),
            }),
            _ => None,
        };
        SimulatorOptions { people: self.people, seed: self.seed, tls, fault: self.fault.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: RegisterSimArgs,
    }

    fn parse(line: &str) -> Result<RegisterSimArgs, clap::Error> {
        Command::try_parse_from(line.split(' ')).map(|command| command.args)
    }

    #[test]
    fn defaults_and_choices() {
        let args = parse("sim").unwrap();
        assert_eq!((args.people, args.seed), (10_000, 7));
        assert!(args.listen.ip().is_loopback());
        let args = parse("sim --people 5 --fault slow:20 --tls-cert c --tls-key k --tls-ca a").unwrap();
        let options = args.options();
        assert_eq!(options.fault.map(|f| f.name()), Some("slow"));
        assert!(options.tls.is_some_and(|tls| tls.client_ca.is_some()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for line in ["sim --people 1000001", "sim --fault nonsense", "sim --tls-cert c", "sim --tls-ca a"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
