//! Rules that join several keys, and files the settings point to.

use super::load::Loaded;
use super::problem::Problem;
use super::value::{SecretRef, is_loopback};
use super::{CertificateHeader, CodeSender, Config, EmailSender, Register, RegisterAdapter};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use url::Url;

/// Settings that contradict each other. Every problem names the key to change.
pub(super) fn contradictions(config: &Config) -> Vec<Problem> {
    let mut found = Found(Vec::new());
    addresses(config, &mut found);
    stores(config, &mut found);
    times(config, &mut found);
    senders(config, &mut found);
    for (section, settings) in config.registers.each() {
        register(section, settings, &mut found);
    }
    tls(config, &mut found);
    acr(config, &mut found);
    found.0
}

struct Found(Vec<Problem>);

impl Found {
    fn unless(&mut self, good: bool, key: &str, what: &str) {
        if !good {
            self.0.push(Problem::new(None, key, what));
        }
    }
}

fn addresses(config: &Config, found: &mut Found) {
    let (host, rp_id) = (config.provider.issuer.host(), config.provider.rp_id());
    let above = host.strip_suffix(rp_id).is_some_and(|rest| rest.ends_with('.'));
    found.unless(
        host == rp_id || (above && rp_id.contains('.')),
        "provider.rp_id",
        "passkeys work only for the issuer's host or a domain above it (WebAuthn 5.1.3)",
    );
    found.unless(!config.provider.service_name_vi.trim().is_empty(), "provider.service_name_vi", "a name is needed");
    found.unless(!config.provider.service_name_en.trim().is_empty(), "provider.service_name_en", "a name is needed");
    found.unless(
        !config.metrics.enabled || config.metrics.listen.port() == 0 || config.metrics.listen != config.provider.listen,
        "metrics.listen",
        "metrics need an address of their own, not the one of provider.listen",
    );
}

fn stores(config: &Config, found: &mut Found) {
    let database = config.database.url.scheme();
    found.unless(
        config.database.url.expose().contains("://") && matches!(database, "sqlite" | "postgres" | "postgresql"),
        "database.url",
        "this is no address of a database",
    );
    found.unless(
        database != "sqlite" || config.database.password_file.is_none(),
        "database.password_file",
        "SQLite has no password",
    );
    let cache = &config.cache;
    found.unless(
        cache.is_memory() || (matches!(cache.url.scheme(), "redis" | "rediss") && cache.url.expose().contains("://")),
        "cache.url",
        "this is no address of a cache",
    );
    found.unless(
        !cache.is_memory() || cache.password_file.is_none(),
        "cache.password_file",
        "the cache in memory has no password",
    );
}

fn times(config: &Config, found: &mut Found) {
    let session = &config.session;
    for (level, key) in
        [(1, "session.level_1_idle_seconds"), (2, "session.level_2_idle_seconds"), (3, "session.level_3_idle_seconds")]
    {
        let fits = session.idle(level) <= session.absolute(level);
        found.unless(fits, key, "the idle limit is longer than the absolute one");
    }
    let tokens = &config.tokens;
    found.unless(
        tokens.refresh_idle_days <= tokens.refresh_family_days,
        "tokens.refresh_idle_days",
        "an unused token would outlive its family: it must not be longer than refresh_family_days",
    );
    let keys = &config.keys;
    found.unless(
        keys.rotation_days.duration() > keys.jwks_max_age_seconds.duration() * 2,
        "keys.rotation_days",
        "a key would be replaced before every cache has seen it: rotate less often than twice jwks_max_age_seconds",
    );
    let distinct: HashSet<&str> = keys.algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    found.unless(distinct.len() == keys.algorithms.len(), "keys.algorithms", "an algorithm is named twice");
    let distinct: HashSet<&str> = keys.encryption_algorithms.iter().map(|algorithm| algorithm.as_str()).collect();
    let once = distinct.len() == keys.encryption_algorithms.len();
    found.unless(once, "keys.encryption_algorithms", "an algorithm is named twice");
}

fn senders(config: &Config, found: &mut Found) {
    for (section, sender, url, token) in [
        ("sms", config.sms.sender, &config.sms.http_url, &config.sms.token_file),
        ("voice", config.voice.sender, &config.voice.http_url, &config.voice.token_file),
    ] {
        let (needed, key) = (sender == CodeSender::Http, format!("{section}.http_url"));
        found.unless(!needed || url.is_some(), &key, "the sender \"http\" needs the gateway's address");
        found.unless(url.as_ref().is_none_or(is_protected), &key, "codes would travel unprotected");
        let key = format!("{section}.token_file");
        found.unless(!needed || token.is_some(), &key, "the sender \"http\" needs the gateway's token");
    }
    let email = &config.email;
    let needed = email.sender == EmailSender::Smtp;
    found.unless(!needed || email.url.is_some(), "email.url", "the sender \"smtp\" needs the mail server's address");
    found.unless(!needed || email.from.is_some(), "email.from", "the sender \"smtp\" needs a sender address");
    found.unless(
        email.url.as_ref().is_none_or(|url| email.smtp_url(url).is_some()),
        "email.url",
        "this is no address of a mail server",
    );
}

fn register(section: &str, register: &Register, found: &mut Found) {
    let key = |name: &str| format!("{section}.{name}");
    let needed = register.adapter == RegisterAdapter::Xroad;
    let why = "the adapter \"xroad\" needs it";
    found.unless(!needed || register.base_url.is_some(), &key("base_url"), why);
    found.unless(!needed || register.client.is_some(), &key("client"), why);
    found.unless(!needed || register.service.is_some(), &key("service"), why);
    found.unless(
        register.base_url.as_ref().is_none_or(is_protected),
        &key("base_url"),
        "questions about people would travel unprotected",
    );
    let has_parts = |text: &Option<String>, counts: &[usize]| {
        text.as_ref()
            .is_none_or(|text| counts.contains(&text.split('/').count()) && !text.split('/').any(str::is_empty))
    };
    found.unless(
        has_parts(&register.client, &[3, 4]),
        &key("client"),
        "an X-Road client has three or four parts between slashes",
    );
    found.unless(
        has_parts(&register.service, &[5]),
        &key("service"),
        "an X-Road service has five parts between slashes",
    );
    found.unless(
        register.user_id_prefix.len() == 2 && register.user_id_prefix.bytes().all(|b| b.is_ascii_uppercase()),
        &key("user_id_prefix"),
        "a country prefix is two capital letters",
    );
    found.unless(
        register.tls.certificate.is_some() == register.tls.key.is_some(),
        &key("tls.key"),
        "a certificate and its key are set together",
    );
    found.unless(
        register.tls.ca.is_none() || register.tls.certificate.is_some(),
        &key("tls.certificate"),
        "the security server wants to see our certificate (mutual TLS)",
    );
}

fn tls(config: &Config, found: &mut Found) {
    let code = config.sign_in.fixed_code.as_deref();
    found.unless(
        code.is_none_or(|code| code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit())),
        "sign_in.fixed_code",
        "a code has six digits",
    );
    let tls = &config.tls;
    found.unless(
        tls.certificate.is_some() == tls.key.is_some(),
        "tls.key",
        "a certificate and its key are set together",
    );
    found.unless(
        tls.mtls_listen.is_none() || tls.certificate.is_some(),
        "tls.certificate",
        "the listener for clients with certificates needs our own certificate",
    );
    found.unless(
        tls.mtls_listen.is_none_or(|listen| listen.port() == 0 || listen != config.provider.listen),
        "tls.mtls_listen",
        "clients with certificates need an address of their own, not the one of provider.listen",
    );
    let origin = tls.mtls_url.as_ref().is_none_or(|url| {
        url.scheme() == "https" && url.path() == "/" && url.query().is_none() && url.fragment().is_none()
    });
    found.unless(origin, "tls.mtls_url", "this is no https origin");
    found.unless(
        tls.mtls_url.is_none() || tls.sees_certificates(),
        "tls.mtls_url",
        "nothing would see the certificates of clients there: set mtls_listen or client_certificate_header",
    );
    let proxies = tls.trusted_proxies();
    found.unless(proxies.is_some(), "tls.trusted_proxies", "these are no IP addresses parted by spaces");
    found.unless(
        tls.client_certificate_header == CertificateHeader::None || proxies.is_some_and(|list| !list.is_empty()),
        "tls.trusted_proxies",
        "the header counts only from proxies that are named here",
    );
}

fn acr(config: &Config, found: &mut Found) {
    let mut seen = HashSet::new();
    for row in &config.acr {
        for name in std::iter::once(&row.name).chain(&row.aliases) {
            let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
            found.unless(plain, "acr", "a value has no spaces: requests list values with spaces between them");
            if !seen.insert(name.as_str()) {
                found.unless(false, "acr", &format!("the value {name:?} stands twice"));
            }
        }
    }
}

/// Whether what is sent there is protected on its way, or does not leave the machine.
fn is_protected(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

impl Loaded {
    /// Looks at the files the settings point to: secrets and certificates must be there, secrets not readable by all.
    pub fn check(&self) -> Vec<Problem> {
        let config = &self.config;
        let mut problems = Vec::new();
        for (key, reference) in [
            ("database.password_file", &config.database.password_file),
            ("cache.password_file", &config.cache.password_file),
            ("sms.token_file", &config.sms.token_file),
            ("voice.token_file", &config.voice.token_file),
            ("email.password_file", &config.email.password_file),
        ] {
            if let Some(reference) = reference {
                self.check_secret(key, reference, &mut problems);
            }
        }
        let mut files: Vec<(String, &Option<PathBuf>)> = Vec::new();
        for (section, register) in config.registers.each() {
            let tls = &register.tls;
            for (name, path) in [("ca", &tls.ca), ("certificate", &tls.certificate), ("key", &tls.key)] {
                files.push((format!("{section}.tls.{name}"), path));
            }
        }
        let (tls, registration) = (&config.tls, &config.registration);
        for (key, path) in [
            ("tls.certificate", &tls.certificate),
            ("tls.key", &tls.key),
            ("tls.client_ca", &tls.client_ca),
            ("backchannel.trusted_ca", &config.backchannel.trusted_ca),
            ("registration.software_statement_issuers", &registration.software_statement_issuers),
        ] {
            files.push((key.to_owned(), path));
        }
        for (key, path) in files {
            if let Some(path) = path {
                if let Err(error) = std::fs::File::open(path) {
                    problems.push(self.problem(&key, format!("{} cannot be read: {error}", path.display())));
                } else if key.ends_with("tls.key") && is_open_to_all(path) {
                    problems.push(self.open_to_all(&key, path));
                }
            }
        }
        problems
    }

    fn check_secret(&self, key: &str, reference: &SecretRef, problems: &mut Vec<Problem>) {
        if let Err(error) = reference.read() {
            problems.push(self.problem(key, error.to_string()));
        } else if let Some(path) = reference.path().filter(|path| is_open_to_all(path)) {
            problems.push(self.open_to_all(key, path));
        }
    }

    fn problem(&self, key: &str, what: String) -> Problem {
        Problem::new(self.source(key).cloned(), key, what)
    }

    fn open_to_all(&self, key: &str, path: &Path) -> Problem {
        self.problem(key, format!("every user of this machine can read {}", path.display()))
            .fix(format!("chmod 600 {}", path.display()))
    }
}

#[cfg(unix)]
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
const fn is_open_to_all(_path: &Path) -> bool {
    false
}
