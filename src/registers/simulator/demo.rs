//! The named test citizens of the demo. Their numbers are synthetic: a rare country of birth and serials 9999xx.

use crate::identity::{BirthDate, FullName, Gender, LegalState, PersonalNumber, PhoneNumber};

/// A test citizen whom the demo seeds and shows.
#[derive(Debug, Clone)]
pub struct DemoPerson {
    /// A short word for scripts and addresses.
    pub key: &'static str,
    /// Name.
    pub full_name: FullName,
    /// Personal number.
    pub number: PersonalNumber,
    /// Birth date, in one case a year only.
    pub birth_date: BirthDate,
    /// Gender.
    pub gender: Gender,
    /// A synthetic mobile number; none for the child and the dead.
    pub phone: Option<PhoneNumber>,
    /// What this person is for, in Vietnamese.
    pub story_vi: &'static str,
    /// What this person is for, in English.
    pub story_en: &'static str,
    /// As the register carries it.
    pub legal_state: LegalState,
}

/// The number of Nguyễn Thị Hoa, mother of An.
pub const HOA: &str = "295190999981";
/// The number of An, Hoa's daughter.
pub const AN: &str = "295318999982";
/// The number of Trần Văn Minh, who represents Sao Mai.
pub const MINH: &str = "295085999983";
/// The number of Lê Thị Bảy.
pub const BAY: &str = "295154999984";
/// The number of Phạm Quốc Anh.
pub const QUOC_ANH: &str = "295201999985";
/// The number of Đỗ Thị Lan.
pub const LAN: &str = "295196999986";

/// The tax code of Công ty TNHH Sao Mai, which Trần Văn Minh represents.
pub const SAO_MAI_TAX_CODE: &str = "0199999511";
/// The tax code of Công ty Cổ phần Bình Minh, for which he may be given a mandate.
pub const BINH_MINH_TAX_CODE: &str = "0199999529";

/// The tax code of Công ty Cổ phần Hoa Sen, which Minh and Hoa represent together: each must agree.
pub const HOA_SEN_TAX_CODE: &str = "0199999536";
/// The code of a state body whose head is Hoa.
pub const AGENCY_CODE: &str = "H99.01";

struct Row {
    key: &'static str,
    name: &'static str,
    number: &'static str,
    birth: &'static str,
    gender: Gender,
    phone: &'static str,
    vi: &'static str,
    en: &'static str,
    state: LegalState,
}

const ROWS: [Row; 10] = [
    Row {
        key: "hoa",
        name: "Nguyễn Thị Hoa",
        number: HOA,
        birth: "1990-03-14",
        gender: Gender::Female,
        phone: "0900000181",
        vi: "Tài khoản mức 2, có mật khẩu và ứng dụng mã, chưa có khóa đăng nhập. Mẹ của bé An, 8 tuổi.",
        en: "Level 2 account with a password and an authenticator app, no passkey yet. Mother of An, 8.",
        state: LegalState::Alive,
    },
    Row {
        key: "an",
        name: "Nguyễn Hoài An",
        number: AN,
        birth: "2018-06-01",
        gender: Gender::Female,
        phone: "",
        vi: "Con gái của chị Hoa, 8 tuổi: chưa tự đăng nhập.",
        en: "Hoa's daughter, 8: does not sign in herself.",
        state: LegalState::Alive,
    },
    Row {
        key: "minh",
        name: "Trần Văn Minh",
        number: MINH,
        birth: "1985-11-02",
        gender: Gender::Male,
        phone: "0900000183",
        vi: "Tài khoản mức 2. Người đại diện của Công ty TNHH Sao Mai, được ủy quyền cho công ty thứ hai.",
        en: "Level 2 account. Represents Sao Mai Co., delegate of a second company.",
        state: LegalState::Alive,
    },
    Row {
        key: "bay",
        name: "Lê Thị Bảy",
        number: BAY,
        birth: "1954-02-12",
        gender: Gender::Female,
        phone: "0900000184",
        vi: "72 tuổi, tài khoản mức 1, điện thoại phím bấm: mã đọc qua cuộc gọi và mật khẩu.",
        en: "72, level 1 account, keypad phone: codes by voice call, and a password.",
        state: LegalState::Alive,
    },
    Row {
        key: "quoc-anh",
        name: "Phạm Quốc Anh",
        number: QUOC_ANH,
        birth: "2001-09-20",
        gender: Gender::Male,
        phone: "0900000185",
        vi: "Chưa có tài khoản: dùng để thử tạo tài khoản từ đầu.",
        en: "No account yet: for creating one from nothing.",
        state: LegalState::Alive,
    },
    Row {
        key: "lan",
        name: "Đỗ Thị Lan",
        number: LAN,
        birth: "1996-07-07",
        gender: Gender::Female,
        phone: "0900000186",
        vi: "Tài khoản tạm khóa sau khi mất điện thoại.",
        en: "Account frozen after her phone was stolen.",
        state: LegalState::Alive,
    },
    Row {
        key: "hhen",
        name: "H'Hen Niê Kdăm",
        number: "295193999987",
        birth: "1993-05-15",
        gender: Gender::Female,
        phone: "0900000187",
        vi: "Tên có dấu nháy: tên phải đi qua mọi bước mà không đổi.",
        en: "A name with an apostrophe: it must pass every step unchanged.",
        state: LegalState::Alive,
    },
    Row {
        key: "john",
        name: "John Smith",
        number: "295079999988",
        birth: "1979-12-30",
        gender: Gender::Male,
        phone: "0900000188",
        vi: "Người nước ngoài, dùng tiếng Anh.",
        en: "A foreigner who uses English.",
        state: LegalState::Alive,
    },
    Row {
        key: "tam",
        name: "Vũ Đình Tâm",
        number: "295041999989",
        birth: "1941-01-25",
        gender: Gender::Male,
        phone: "",
        vi: "Cơ sở dữ liệu ghi đã mất: không được tạo tài khoản hay nâng mức.",
        en: "Recorded as deceased: no account and no level may come of it.",
        state: LegalState::Deceased,
    },
    Row {
        key: "pao",
        name: "Lò Văn Páo",
        number: "295058999990",
        birth: "1958",
        gender: Gender::Male,
        phone: "0900000190",
        vi: "Giấy tờ chỉ có năm sinh.",
        en: "Only the year of birth is known.",
        state: LegalState::Alive,
    },
];

impl Row {
    fn person(&self) -> Option<DemoPerson> {
        Some(DemoPerson {
            key: self.key,
            full_name: FullName::parse(self.name).ok()?,
            number: PersonalNumber::from_exact(self.number).ok()?,
            birth_date: BirthDate::parse_claim(self.birth).ok()?,
            gender: self.gender,
            phone: PhoneNumber::parse(self.phone).ok(),
            story_vi: self.vi,
            story_en: self.en,
            legal_state: self.state,
        })
    }
}

/// Every named test citizen, in the order in which the demo shows them.
pub fn demo_people() -> Vec<DemoPerson> {
    ROWS.iter().filter_map(Row::person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use time::macros::date;

    #[test]
    fn all_are_there_and_well_made() {
        let people = demo_people();
        assert_eq!(people.len(), ROWS.len());
        let numbers: HashSet<_> = people.iter().map(|p| p.number.clone()).collect();
        let keys: HashSet<_> = people.iter().map(|p| p.key).collect();
        assert_eq!((numbers.len(), keys.len()), (people.len(), people.len()));
        for person in &people {
            assert!(person.number.warnings(date!(2026 - 11 - 22)).is_empty(), "{}", person.key);
            assert_eq!(person.number.implied_birth_year(), person.birth_date.year(), "{}", person.key);
            assert_eq!(person.number.implied_sex(), person.gender, "{}", person.key);
            assert!(person.number.as_str()[6..].starts_with("9999"), "{}", person.key);
        }
        let phones: HashSet<_> = people.iter().filter_map(|p| p.phone.clone()).collect();
        assert_eq!(phones.len(), 8);
    }

    #[test]
    fn ages_are_as_told() {
        let age = |key| demo_people().iter().find(|p| p.key == key).unwrap().birth_date.age_on(date!(2026 - 11 - 22));
        assert_eq!((age("an"), age("bay")), (8, 72));
    }
}
