//! Dates and times as people read them: always the time of Vietnam, and said so.

use super::Locale;
use crate::base::Timestamp;
use time::OffsetDateTime;

impl Locale {
    /// "21/11/2026, 14:05 (giờ Việt Nam)" or "21 November 2026, 14:05 (Vietnam time)".
    pub fn moment(self, at: Timestamp) -> String {
        let local = at.to_vietnam();
        let zone = match self {
            Self::Vi => "giờ Việt Nam",
            Self::En => "Vietnam time",
        };
        format!("{}, {} ({zone})", self.calendar_day(local), clock_of(local))
    }

    /// "21/11/2026" or "21 November 2026", in Vietnam.
    pub fn day(self, at: Timestamp) -> String {
        self.calendar_day(at.to_vietnam())
    }

    /// "14:05" when it is the same day as `now` in Vietnam, else "14:05 ngày 22/11" or "14:05 on 22 November".
    pub fn clock(self, at: Timestamp, now: Timestamp) -> String {
        let local = at.to_vietnam();
        let time = clock_of(local);
        if local.date() == now.to_vietnam().date() {
            return time;
        }
        match self {
            Self::Vi => format!("{time} ngày {}/{}", local.day(), u8::from(local.month())),
            Self::En => format!("{time} on {} {}", local.day(), local.month()),
        }
    }

    /// A birth date as claims write it (`1990-11-21`, or `1990` alone: Core 5.1), as a person writes it.
    pub fn birth_date(self, claim: &str) -> String {
        let mut parts = claim.split('-');
        let (year, month, day) = (parts.next(), parts.next(), parts.next());
        let month = month.and_then(|month| time::Month::try_from(month.parse::<u8>().ok()?).ok());
        match (self, year, month, day) {
            (Self::Vi, Some(year), Some(month), Some(day)) => format!("{day}/{:02}/{year}", u8::from(month)),
            (Self::En, Some(year), Some(month), Some(day)) => {
                format!("{} {month} {year}", day.trim_start_matches('0'))
            }
            _ => claim.to_owned(),
        }
    }

    fn calendar_day(self, local: OffsetDateTime) -> String {
        match self {
            Self::Vi => format!("{}/{}/{}", local.day(), u8::from(local.month()), local.year()),
            Self::En => format!("{} {} {}", local.day(), local.month(), local.year()),
        }
    }
}

fn clock_of(local: OffsetDateTime) -> String {
    format!("{:02}:{:02}", local.hour(), local.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-21T07:05:00Z
    const AFTERNOON: Timestamp = Timestamp::from_seconds(1_795_244_700);

    #[test]
    fn the_time_is_that_of_vietnam_and_says_so() {
        assert_eq!(Locale::Vi.moment(AFTERNOON), "21/11/2026, 14:05 (giờ Việt Nam)");
        assert_eq!(Locale::En.moment(AFTERNOON), "21 November 2026, 14:05 (Vietnam time)");
    }

    #[test]
    fn a_birth_date_is_read_as_people_write_it() {
        assert_eq!(Locale::Vi.birth_date("1990-04-08"), "08/04/1990");
        assert_eq!(Locale::En.birth_date("1990-04-08"), "8 April 1990");
        for odd in ["1951", "", "1990-13-01", "soon"] {
            assert_eq!(Locale::Vi.birth_date(odd), odd);
        }
    }

    #[test]
    fn a_clock_time_on_another_day_names_the_day() {
        let night = Timestamp::from_seconds(AFTERNOON.seconds() + 10 * 3600);
        assert_eq!(Locale::Vi.clock(AFTERNOON, AFTERNOON), "14:05");
        assert_eq!(Locale::Vi.clock(night, AFTERNOON), "00:05 ngày 22/11");
        assert_eq!(Locale::En.clock(night, AFTERNOON), "00:05 on 22 November");
    }
}
