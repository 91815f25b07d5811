//! Where a network lies, according to a list that the operator gives: for the page that shows a person's sessions. Nothing
//! outside is asked, and without a list no place is known.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// The longest name of a place, in characters.
const LONGEST: usize = 80;

/// Networks and their places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// By length of prefix; a network's bits beyond it are zero.
    v4: BTreeMap<u8, HashMap<u128, String>>,
    v6: BTreeMap<u8, HashMap<u128, String>>,
}

/// A line that is not `network,place`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is not `network,place`, such as `203.0.113.0/24,Hà Nội`")]
pub struct WrongLine {
    /// From 1.
    pub line: usize,
}

/// The bits of an address from the top of 128, and how many it has.
fn bits(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    }
}

fn masked(bits: u128, prefix: u8) -> u128 {
    // A shift by 128 is no shift.
    bits & u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl Places {
    /// Reads lines of `network,place` (CIDR; a bare address is a network of one). Empty lines, and those that begin with
    /// `#`, are passed over. Of two networks that hold an address the smaller one counts.
    ///
    /// # Errors
    /// The first line that is neither.
    pub fn parse(text: &str) -> Result<Self, WrongLine> {
        let mut places = Self::default();
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                places.add(line).ok_or(WrongLine { line: number + 1 })?;
            }
        }
        Ok(places)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (network, place) = line.split_once(',')?;
        let (address, prefix) = network.trim().split_once('/').map_or((network.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let (bits, width) = bits(address);
        let prefix = prefix.map_or(Ok(width), str::parse).ok().filter(|prefix| *prefix <= width)?;
        let place = place.trim().trim_matches('"').trim();
        if place.is_empty() || place.chars().count() > LONGEST || place.contains(char::is_control) {
            return None;
        }
        let networks = if address.is_ipv4() { &mut self.v4 } else { &mut self.v6 };
        networks.entry(prefix).or_default().insert(masked(bits, prefix), place.to_owned());
        Some(())
    }

    /// The place of a caller's network: an address, or the /64 of an IPv6 one.
    pub fn of(&self, network: &str) -> Option<&str> {
        let address: IpAddr = network.strip_suffix("/64").unwrap_or(network).parse().ok()?;
        let (bits, _) = bits(address);
        let networks = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        networks.iter().rev().find_map(|(prefix, places)| places.get(&masked(bits, *prefix)).map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_network_that_holds_an_address_names_its_place() {
        let text = "\u{feff}# ours\n203.0.113.0/24, Hà Nội\n\n203.0.113.64/26,\"Ba Đình, Hà Nội\"\r\n2001:db8::/32,Huế\n\
                    198.51.100.7,Một máy\n0.0.0.0/0,Nơi khác\n";
        let places = Places::parse(text).unwrap();
        for (network, place) in [
            ("203.0.113.1", Some("Hà Nội")),
            ("203.0.113.65", Some("Ba Đình, Hà Nội")),
            ("198.51.100.7", Some("Một máy")),
            ("198.51.100.8", Some("Nơi khác")),
            ("2001:db8:1:2::/64", Some("Huế")),
            ("2001:db9:1:2::/64", None),
            ("unknown", None),
        ] {
            assert_eq!(places.of(network), place, "{network}");
        }
        assert_eq!(Places::default().of("203.0.113.1"), None);
    }

    #[test]
    fn a_wrong_line_is_named() {
        for wrong in
            ["203.0.113.0/33,x", "2001:db8::/129,x", "here,x", "203.0.113.0/24", "203.0.113.0/24, ", "1.2.3.4/-1,x"]
        {
            assert_eq!(Places::parse(&format!("# a\n{wrong}\n")), Err(WrongLine { line: 2 }), "{wrong}");
        }
    }
}
