//! What `serve` refuses: settings that are right for a test bench and wrong for real people.

use super::problem::Problem;
use super::{CodeSender, Config, EmailSender, Environment, RegisterAdapter, RegistrationMode};

/// What stands between these settings and real people. Empty when nothing does. `serve` refuses to start otherwise,
/// except that a sandbox may use the test inbox and go without a register.
pub fn production_problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut add = |key: &str, what: &str, fix: &str| problems.push(Problem::new(None, key, what).fix(fix));
    let provider = &config.provider;
    if !provider.issuer.is_https() && !provider.issuer.is_loopback() {
        add(
            "provider.issuer",
            "a plain http issuer sends codes and cookies unprotected",
            "put a TLS proxy in front and set an https issuer",
        );
    }
    if provider.environment == Environment::Demo {
        add(
            "provider.environment",
            "\"demo\" is for made-up people on one machine",
            "set \"production\", or \"sandbox\" for portals under development",
        );
    }
    if provider.environment == Environment::Conformance {
        add(
            "provider.environment",
            "\"conformance\" is for test suites and one made-up person",
            "set \"production\", or \"sandbox\" for portals under development",
        );
    }
    let registration = &config.registration;
    if registration.mode == RegistrationMode::Open {
        add("registration.mode", "anybody could register a portal", "set \"token\" or \"off\"");
    }
    if registration.takes_documents_of("*") {
        add("registration.metadata_document_hosts", "anybody could be a portal", "name the hosts");
    }
    if registration.agreement_for_all {
        add("registration.agreement_for_all", "anybody's portal would receive people's data", "set false");
    }
    if !registration.require_pkce {
        add("registration.require_pkce", "codes could be used by whoever steals them (RFC 9700 2.1.1)", "set true");
    }
    if config.sign_in.fixed_code.is_some() {
        add("sign_in.fixed_code", "everybody would know everybody's code", "set \"\"");
    }
    if config.backchannel.trusted_ca.is_some() {
        add("backchannel.trusted_ca", "calls to portals would trust a test authority", "set \"\"");
    }
    if config.conformance.ciba_approval {
        add(
            "conformance.ciba_approval",
            "anybody could answer for other people",
            "set false: it is for conformance runs",
        );
    }
    let test_runs = "set false: it is for conformance runs";
    if config.conformance.open_door_clients {
        add("conformance.open_door_clients", "assertions made for others could be used here", test_runs);
    }
    if config.conformance.resource {
        add("conformance.resource", "it would say of any token whose it is", test_runs);
    }
    if !config.conformance.scopes.is_empty() {
        add("conformance.scopes", "scopes would be announced that nothing here serves", "set \"\"");
    }
    if provider.environment == Environment::Sandbox {
        return problems;
    }
    for (sender, key) in [(config.sms.sender, "sms.sender"), (config.voice.sender, "voice.sender")] {
        if sender == CodeSender::TestInbox {
            add(key, "the test inbox shows everybody's codes", "set \"http\" with a gateway, or \"none\"");
        }
    }
    if config.email.sender == EmailSender::TestInbox {
        add("email.sender", "the test inbox shows everybody's mail", "set \"smtp\" with a mail server, or \"none\"");
    }
    if config.sms.sender == CodeSender::None && config.voice.sender == CodeSender::None {
        add(
            "sms.sender",
            "no code can reach a phone, so nobody can create an account",
            "set sms.sender = \"http\" and sms.http_url, or the same under [voice]",
        );
    }
    if config.registers.population.adapter == RegisterAdapter::None {
        add(
            "registers.population.adapter",
            "without the population register nobody new can be matched",
            "set \"xroad\" with base_url, client and service",
        );
    }
    if config.backchannel.allow_loopback {
        add(
            "backchannel.allow_loopback",
            "portals could make this server call itself",
            "set false: it is for demo and tests",
        );
    }
    problems
}
