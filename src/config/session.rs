//! `[session]`: limits of single sign-on sessions, by authentication level.

use super::value::{Seconds, unless_empty};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Level 1, unused.
    pub level_1_idle_seconds: Seconds,
    /// Level 1, since the sign-in.
    pub level_1_absolute_seconds: Seconds,
    /// Level 2, unused.
    pub level_2_idle_seconds: Seconds,
    /// Level 2, since the sign-in.
    pub level_2_absolute_seconds: Seconds,
    /// Levels 3 and 4, unused.
    pub level_3_idle_seconds: Seconds,
    /// Levels 3 and 4, since the sign-in.
    pub level_3_absolute_seconds: Seconds,
    /// Live sessions of one person at once; beyond it the oldest ends.
    pub most_per_person: u32,
    /// Networks and their places.
    #[serde(deserialize_with = "unless_empty")]
    pub places_file: Option<PathBuf>,
}

impl Session {
    /// How long a session of this authentication level may stay unused.
    pub const fn idle(&self, authentication_level: u8) -> Duration {
        match authentication_level {
            0 | 1 => self.level_1_idle_seconds.duration(),
            2 => self.level_2_idle_seconds.duration(),
            _ => self.level_3_idle_seconds.duration(),
        }
    }

    /// How long a session of this authentication level lasts at most.
    pub const fn absolute(&self, authentication_level: u8) -> Duration {
        match authentication_level {
            0 | 1 => self.level_1_absolute_seconds.duration(),
            2 => self.level_2_absolute_seconds.duration(),
            _ => self.level_3_absolute_seconds.duration(),
        }
    }
}
