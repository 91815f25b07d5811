//! The bodies of the population look-up: the information model of integration service 037 as JSON.
//!
//! The reply also carries ethnicity, religion, marital state, blood group, addresses and family. They are no
//! fields of the types here, so they are skipped while reading and exist nowhere afterwards.

use crate::identity::{BirthDate, FullName, Gender, LegalState, PersonalNumber, PopulationRecord};
use crate::registers::error::{Defect, Mismatch, RegisterError};
use crate::registers::port::PopulationQuery;
use serde::{Deserialize, Serialize};
use time::{Date, Month};

/// The integration code of the population look-up.
const POPULATION_SERVICE: &str = "037";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'q> {
    ma_yeu_cau: String,
    ma_tich_hop: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_can_bo: Option<&'q str>,
    so_dinh_danh: &'q str,
    ho_va_ten: String,
    ngay_thang_nam_sinh: Birth,
}

/// A year, or a whole day as `yyyyMMdd`: one of the two.
#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Birth {
    #[serde(skip_serializing_if = "Option::is_none")]
    nam: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ngay_thang_nam: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "CongdanCollection")]
    collection: Collection,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "CongDan")]
    people: Vec<Citizen>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Citizen {
    so_dinh_danh: Option<String>,
    /// The number set anew, where this one was cancelled.
    so_dinh_danh_moi: Option<String>,
    ho_va_ten: Option<Name>,
    gioi_tinh: Option<Code>,
    ngay_thang_nam_sinh: Option<Birth>,
    trang_thai: Option<Code>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Name {
    ho: Option<String>,
    chu_dem: Option<String>,
    ten: Option<String>,
}

/// A code some senders write as a number and others as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Number(u8),
    Text(String),
}

impl Code {
    fn number(&self) -> Option<u8> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

/// The body of a question.
pub(super) fn question(query: &PopulationQuery) -> Result<Vec<u8>, RegisterError> {
    let question = Question {
        ma_yeu_cau: query.request_id.to_string(),
        ma_tich_hop: POPULATION_SERVICE,
        ma_can_bo: query.on_behalf_of.as_ref().map(|official| official.as_str()),
        so_dinh_danh: query.number.as_str(),
        ho_va_ten: query.full_name.match_key(),
        ngay_thang_nam_sinh: match &query.birth_date {
            BirthDate::Year(year) => Birth { nam: Some(format!("{year:04}")), ngay_thang_nam: None },
            day => Birth { nam: None, ngay_thang_nam: Some(day.to_claim().replace('-', "")) },
        },
    };
    serde_json::to_vec(&question).map_err(|_| RegisterError::Malformed(Defect::Body))
}

/// Reads an answer. `None`: nobody, or a person without a name, which is how the service says "no match".
pub(super) fn read_answer(body: &[u8], asked: &PersonalNumber) -> Result<Option<PopulationRecord>, RegisterError> {
    const MALFORMED: RegisterError = RegisterError::Malformed(Defect::Body);
    const UNREADABLE: RegisterError = RegisterError::Malformed(Defect::Record);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(RegisterError::Malformed(Defect::Empty));
    }
    // serde_json's own message quotes the text it stumbled over, so it is not kept.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
    let named = |citizen: Citizen| citizen.whole_name().map(|name| (citizen, name));
    let mut people = answer.collection.people.into_iter().filter_map(named);
    let Some((citizen, name)) = people.next() else { return Ok(None) };
    if people.next().is_some() {
        return Err(RegisterError::WrongAnswer(Mismatch::SeveralPersons));
    }
    let echoed = citizen.so_dinh_danh.as_deref().and_then(|number| PersonalNumber::from_exact(number).ok());
    if echoed.as_ref() != Some(asked) {
        return Err(RegisterError::WrongAnswer(Mismatch::Number));
    }
    Ok(Some(PopulationRecord {
        number: asked.clone(),
        full_name: FullName::parse(&name).map_err(|_| UNREADABLE)?,
        birth_date: citizen.ngay_thang_nam_sinh.as_ref().and_then(Birth::read).ok_or(UNREADABLE)?,
        gender: citizen.gioi_tinh.as_ref().and_then(Code::number).and_then(gender),
        legal_state: legal_state(citizen.trang_thai.as_ref())?,
        replaced_by: match citizen.so_dinh_danh_moi.as_deref() {
            None | Some("") => None,
            Some(number) => Some(PersonalNumber::from_exact(number).map_err(|_| UNREADABLE)?),
        },
    }))
}

impl Citizen {
    /// Surname, middle names and name in one; some records hold everything in the last.
    fn whole_name(&self) -> Option<String> {
        let name = self.ho_va_ten.as_ref()?;
        let parts = [&name.ho, &name.chu_dem, &name.ten];
        let words: Vec<&str> = parts.into_iter().flatten().flat_map(|part| part.split_whitespace()).collect();
        if words.is_empty() { None } else { Some(words.join(" ")) }
    }
}

impl Birth {
    /// The day if it is there, else the year. No day is invented.
    fn read(&self) -> Option<BirthDate> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if let Some(day) = self.ngay_thang_nam.as_deref().filter(|day| !day.is_empty()) {
            if day.len() != 8 || !digits(day) {
                return None;
            }
            let year = day.get(..4)?.parse().ok()?;
            let month = Month::try_from(day.get(4..6)?.parse::<u8>().ok()?).ok()?;
            return Date::from_calendar_date(year, month, day.get(6..)?.parse().ok()?).ok().map(BirthDate::Day);
        }
        let year = self.nam.as_deref().filter(|year| year.len() == 4 && digits(year))?;
        year.parse().ok().filter(|year| *year > 0).map(BirthDate::Year)
    }
}

/// 1 male, 2 female; anything else says nothing. (The official code list is not public.)
const fn gender(code: u8) -> Option<Gender> {
    match code {
        1 => Some(Gender::Male),
        2 => Some(Gender::Female),
        _ => None,
    }
}

/// 1 alive, 2 dead, 3 missing. Without a state that we know, nobody may be taken as living.
fn legal_state(code: Option<&Code>) -> Result<LegalState, RegisterError> {
    match code.and_then(Code::number) {
        Some(1) => Ok(LegalState::Alive),
        Some(2) => Ok(LegalState::Deceased),
        Some(3) => Ok(LegalState::Missing),
        _ => Err(RegisterError::Malformed(Defect::Record)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::fake::sample_query;
    use crate::registers::port::Official;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn asked() -> PersonalNumber {
        sample_query().number
    }

    fn answer_of(citizens: Value) -> Vec<u8> {
        serde_json::to_vec(&json!({ "CongdanCollection": { "CongDan": citizens } })).unwrap()
    }

    fn citizen() -> Value {
        json!({
            "SoDinhDanh": "001000999901",
            "HoVaTen": { "Ho": "Nguyễn", "ChuDem": "Văn", "Ten": "Thử" },
            "GioiTinh": 1, "TrangThai": "1",
            "NgayThangNamSinh": { "NgayThangNam": "19000312" },
            "DanToc": "canary-ethnicity", "TonGiao": "canary-religion", "NhomMau": "canary-blood",
            "TinhTrangHonNhan": "canary-marital", "Cha": { "HoVaTen": "canary-father" },
            "ThuongTru": { "ChiTiet": "canary-address" }, "SoSoHoKhau": "canary-household",
        })
    }

    fn read(citizens: Value) -> Result<Option<PopulationRecord>, RegisterError> {
        read_answer(&answer_of(citizens), &asked())
    }

    #[test]
    fn a_question_holds_the_folded_name_and_one_kind_of_birth_date() {
        let mut query = sample_query();
        query.on_behalf_of = Official::new("079101999902");
        let body: Value = serde_json::from_slice(&question(&query).unwrap()).unwrap();
        assert_eq!(
            body,
            json!({
                "MaYeuCau": query.request_id.to_string(), "MaTichHop": "037", "MaCanBo": "079101999902",
                "SoDinhDanh": "001000999901", "HoVaTen": "NGUYENVANTHU",
                "NgayThangNamSinh": { "NgayThangNam": "19000312" },
            })
        );
        query.birth_date = BirthDate::Year(1950);
        query.on_behalf_of = None;
        let body: Value = serde_json::from_slice(&question(&query).unwrap()).unwrap();
        assert_eq!(body["NgayThangNamSinh"], json!({ "Nam": "1950" }));
        assert!(body.get("MaCanBo").is_none());
    }

    #[test]
    fn canaries_of_needless_fields_reach_nothing() {
        let record = read(json!([citizen()])).unwrap().unwrap();
        assert_eq!(record.full_name.as_str(), "Nguyễn Văn Thử");
        assert_eq!(record.gender, Some(Gender::Male));
        let shown = format!("{record:?} {}", serde_json::to_string(&record).unwrap());
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn an_empty_or_nameless_person_is_nobody() {
        let mut nameless = citizen();
        nameless["HoVaTen"] = json!({ "Ho": "", "ChuDem": null, "Ten": "  " });
        let mut nothing = citizen();
        nothing.as_object_mut().unwrap().remove("HoVaTen");
        for nobody in [json!([]), json!([{}]), json!([nameless]), json!([nothing])] {
            assert_eq!(read(nobody), Ok(None));
        }
    }

    #[test]
    fn o10_an_answer_for_another_person_is_no_answer() {
        for other in [json!("079101999902"), json!(""), json!(null), json!("001000999901 "), json!("00100099990１")] {
            let mut wrong = citizen();
            wrong["SoDinhDanh"] = other.clone();
            assert_eq!(read(json!([wrong])), Err(RegisterError::WrongAnswer(Mismatch::Number)), "{other}");
        }
        let several = json!([citizen(), citizen()]);
        assert_eq!(read(several), Err(RegisterError::WrongAnswer(Mismatch::SeveralPersons)));
    }

    #[test]
    fn o10_an_error_body_or_half_an_answer_is_malformed() {
        let whole = answer_of(json!([citizen()]));
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            assert_eq!(read_answer(&whole[..cut], &asked()), Err(RegisterError::Malformed(Defect::Body)));
        }
        let bodies: [&[u8]; 6] = [
            br#"{"type":"Server.ServerProxy.NetworkError","message":"m","detail":"d"}"#,
            b"{}",
            b"null",
            br#"{"CongdanCollection":{}}"#,
            br#"{"CongdanCollection":{"CongDan":{}}}"#,
            b"<html></html>",
        ];
        for body in bodies {
            assert_eq!(read_answer(body, &asked()), Err(RegisterError::Malformed(Defect::Body)));
        }
        assert_eq!(read_answer(b" \r\n", &asked()), Err(RegisterError::Malformed(Defect::Empty)));
    }

    #[test]
    fn a_repeated_or_deep_field_is_malformed() {
        let text = String::from_utf8(answer_of(json!([citizen()]))).unwrap();
        let twice = text.replace(r#""SoDinhDanh":"#, r#""SoDinhDanh":"079101999902","SoDinhDanh":"#);
        assert_eq!(read_answer(twice.as_bytes(), &asked()), Err(RegisterError::Malformed(Defect::Body)));
        let deep = text.replace(r#""canary-blood""#, &"[".repeat(100_000));
        assert_eq!(read_answer(deep.as_bytes(), &asked()), Err(RegisterError::Malformed(Defect::Body)));
    }

    #[test]
    fn fields_we_need_must_be_readable() {
        for (field, value) in [
            ("NgayThangNamSinh", json!({})),
            ("NgayThangNamSinh", json!({ "NgayThangNam": "19000231" })),
            ("NgayThangNamSinh", json!({ "NgayThangNam": "1900-03-12" })),
            ("NgayThangNamSinh", json!({ "Nam": "0000" })),
            ("TrangThai", json!(null)),
            ("TrangThai", json!(9)),
            ("TrangThai", json!("")),
            ("SoDinhDanhMoi", json!("12")),
        ] {
            let mut broken = citizen();
            broken[field] = value.clone();
            assert_eq!(read(json!([broken])), Err(RegisterError::Malformed(Defect::Record)), "{field} {value}");
        }
    }

    #[test]
    fn year_only_renumbered_dead_and_missing_are_told() {
        let mut told = citizen();
        told["NgayThangNamSinh"] = json!({ "Nam": "1950", "NgayThangNam": "" });
        told["SoDinhDanhMoi"] = json!("079101999902");
        told["TrangThai"] = json!(2);
        told["GioiTinh"] = json!(0);
        told["HoVaTen"] = json!({ "Ten": "H'Hen Niê Kdăm" });
        let record = read(json!([told])).unwrap().unwrap();
        assert_eq!(record.birth_date, BirthDate::Year(1950));
        assert_eq!(record.replaced_by.map(|n| n.as_str().to_owned()).as_deref(), Some("079101999902"));
        assert_eq!((record.legal_state, record.gender), (LegalState::Deceased, None));
        assert_eq!(record.full_name.as_str(), "H'Hen Niê Kdăm");
        let mut missing = citizen();
        missing["TrangThai"] = json!("3");
        assert_eq!(read(json!([missing])).unwrap().unwrap().legal_state, LegalState::Missing);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_name_somebody_else(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some(record)) = read_answer(&bytes, &asked()) {
                prop_assert_eq!(record.number, asked());
            }
        }
    }
}
