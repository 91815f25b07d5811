//! The bodies of the look-up of an organization by its code and one representative. The service contracts of the national
//! enterprise register and of the register of agencies are not public: the names are our own, in their style.

use crate::identity::{
    FullName, NamedRepresentative, OrganizationCode, OrganizationKind, OrganizationRecord, OrganizationStatus,
    PersonalNumber, RepresentationRole,
};
use crate::registers::error::{Defect, Mismatch, RegisterError};
use crate::registers::port::OrganizationQuery;
use serde::{Deserialize, Serialize};

/// Most characters of a name or title that are taken.
const MOST_CHARS: usize = 300;
/// Most representatives of one organization.
const MOST_REPRESENTATIVES: usize = 50;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Question<'q> {
    ma_yeu_cau: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_can_bo: Option<&'q str>,
    /// An enterprise or a dependent unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_so_doanh_nghiep: Option<String>,
    /// A state body.
    #[serde(skip_serializing_if = "Option::is_none")]
    ma_dinh_danh_dien_tu: Option<String>,
    so_dinh_danh_nguoi_dai_dien: &'q str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "DanhSach")]
    list: List,
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "DoanhNghiep", alias = "CoQuan")]
    organizations: Vec<Body>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    #[serde(alias = "MaDinhDanhDienTu")]
    ma_so_doanh_nghiep: Option<String>,
    ten: Option<String>,
    trang_thai: Option<String>,
    nguoi_dai_dien: Option<Vec<Person>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person {
    so_dinh_danh: Option<String>,
    ho_va_ten: Option<String>,
    chuc_danh: Option<String>,
}

/// The body of a question.
pub(super) fn question(query: &OrganizationQuery) -> Result<Vec<u8>, RegisterError> {
    let code = query.code.to_string();
    let (enterprise, agency) = match query.code {
        OrganizationCode::Tax(_) => (Some(code), None),
        OrganizationCode::Agency(_) => (None, Some(code)),
    };
    let question = Question {
        ma_yeu_cau: query.request_id.to_string(),
        ma_can_bo: query.on_behalf_of.as_ref().map(|official| official.as_str()),
        ma_so_doanh_nghiep: enterprise,
        ma_dinh_danh_dien_tu: agency,
        so_dinh_danh_nguoi_dai_dien: query.representative.as_str(),
    };
    serde_json::to_vec(&question).map_err(|_| RegisterError::Malformed(Defect::Body))
}

/// Reads an answer. `None`: no such organization, or another person's. Anything partial or about another organization
/// or without the person asked for is an error, and nothing of it is used (O10).
pub(super) fn read_answer(body: &[u8], query: &OrganizationQuery) -> Result<Option<OrganizationRecord>, RegisterError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(RegisterError::Malformed(Defect::Empty));
    }
    // serde_json's own message quotes the text it stumbled over, so it is not kept.
    let answer: Answer = serde_json::from_slice(body).map_err(|_| RegisterError::Malformed(Defect::Body))?;
    let mut found = answer.list.organizations.into_iter();
    let Some(organization) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(RegisterError::WrongAnswer(Mismatch::SeveralPersons));
    }
    let echoed = organization.ma_so_doanh_nghiep.as_deref().and_then(|code| OrganizationCode::parse(code).ok());
    if echoed.as_ref() != Some(&query.code) {
        return Err(RegisterError::WrongAnswer(Mismatch::Organization));
    }
    let record = organization.read(&query.code).ok_or(RegisterError::Malformed(Defect::Record))?;
    if record.representative(&query.representative).is_none() {
        return Err(RegisterError::WrongAnswer(Mismatch::Number));
    }
    Ok(Some(record))
}

impl Body {
    fn read(self, code: &OrganizationCode) -> Option<OrganizationRecord> {
        let role = match code.kind() {
            OrganizationKind::StateBody => RepresentationRole::Head,
            OrganizationKind::Enterprise | OrganizationKind::DependentUnit => RepresentationRole::LegalRepresentative,
        };
        let people = self.nguoi_dai_dien?;
        if people.is_empty() || people.len() > MOST_REPRESENTATIVES {
            return None;
        }
        Some(OrganizationRecord {
            code: code.clone(),
            name: plain(&self.ten?)?,
            // Without a state that we know, nothing may be taken as at work.
            status: match self.trang_thai?.as_str() {
                "1" => OrganizationStatus::Active,
                "2" => OrganizationStatus::Suspended,
                "3" => OrganizationStatus::Dissolved,
                _ => return None,
            },
            representatives: people.into_iter().map(|person| person.read(role)).collect::<Option<_>>()?,
        })
    }
}

impl Person {
    fn read(self, role: RepresentationRole) -> Option<NamedRepresentative> {
        Some(NamedRepresentative {
            number: PersonalNumber::from_exact(&self.so_dinh_danh?).ok()?,
            full_name: FullName::parse(&self.ho_va_ten?).ok()?,
            role,
            title: match self.chuc_danh {
                Some(title) if !title.trim().is_empty() => Some(plain(&title)?),
                _ => None,
            },
        })
    }
}

/// A text of one line and moderate length, with single spaces.
fn plain(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let fits = !line.is_empty() && line.chars().count() <= MOST_CHARS && !line.contains(char::is_control);
    fits.then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use uuid::Uuid;

    const REPRESENTATIVE: &str = "295085999983";

    fn query(code: &str) -> OrganizationQuery {
        OrganizationQuery {
            code: OrganizationCode::parse(code).unwrap(),
            representative: PersonalNumber::from_exact(REPRESENTATIVE).unwrap(),
            issue: "organization".to_owned(),
            request_id: Uuid::from_u128(7),
            on_behalf_of: None,
        }
    }

    fn company() -> Value {
        json!({
            "MaSoDoanhNghiep": "0199999511", "Ten": "Công ty TNHH  Sao Mai", "TrangThai": "1",
            "NguoiDaiDien": [
                { "SoDinhDanh": REPRESENTATIVE, "HoVaTen": "Trần Văn Minh", "ChucDanh": "Giám đốc" },
                { "SoDinhDanh": "295190999981", "HoVaTen": "Nguyễn Thị Hoa", "ChucDanh": null },
            ],
            "DonViPhuThuoc": ["0199999511-001"], "VonDieuLe": "canary-capital",
        })
    }

    fn read(organizations: &Value) -> Result<Option<OrganizationRecord>, RegisterError> {
        let body = json!({ "DanhSach": { "DoanhNghiep": organizations } }).to_string();
        read_answer(body.as_bytes(), &query("0199999511"))
    }

    #[test]
    fn a_question_names_one_code_and_the_person() {
        for (code, field, other) in [
            ("0199999511", "MaSoDoanhNghiep", "MaDinhDanhDienTu"),
            ("0199999511-001", "MaSoDoanhNghiep", "MaDinhDanhDienTu"),
            ("H01.02", "MaDinhDanhDienTu", "MaSoDoanhNghiep"),
        ] {
            let body: Value = serde_json::from_slice(&question(&query(code)).unwrap()).unwrap();
            assert_eq!((&body[field], &body["SoDinhDanhNguoiDaiDien"]), (&json!(code), &json!(REPRESENTATIVE)));
            assert!(body.get(other).is_none() && body.get("MaCanBo").is_none());
        }
    }

    #[test]
    fn a_whole_answer_is_read_and_the_rest_dropped() {
        let record = read(&json!([company()])).unwrap().unwrap();
        assert_eq!((record.name.as_str(), record.status), ("Công ty TNHH Sao Mai", OrganizationStatus::Active));
        assert_eq!(record.representatives.len(), 2);
        assert_eq!(record.representatives[0].title.as_deref(), Some("Giám đốc"));
        assert!(!format!("{record:?}").contains("canary"));
        assert_eq!(read(&json!([])), Ok(None));
    }

    #[test]
    fn o10_an_answer_for_another_organization_or_person_gives_nothing() {
        for other in [json!("0199999529"), json!(""), json!(null), json!("0199999511-001"), json!("H01")] {
            let mut wrong = company();
            wrong["MaSoDoanhNghiep"] = other.clone();
            assert_eq!(read(&json!([wrong])), Err(RegisterError::WrongAnswer(Mismatch::Organization)), "{other}");
        }
        let mut without = company();
        without["NguoiDaiDien"][0]["SoDinhDanh"] = json!("079101999902");
        assert_eq!(read(&json!([without])), Err(RegisterError::WrongAnswer(Mismatch::Number)));
        assert_eq!(read(&json!([company(), company()])), Err(RegisterError::WrongAnswer(Mismatch::SeveralPersons)));
    }

    #[test]
    fn o10_a_partial_answer_gives_nothing() {
        for (field, value) in [
            ("Ten", json!(null)),
            ("Ten", json!("  ")),
            ("Ten", json!("x".repeat(301))),
            ("Ten", json!("a\u{7}b")),
            ("TrangThai", json!(null)),
            ("TrangThai", json!("9")),
            ("NguoiDaiDien", json!(null)),
            ("NguoiDaiDien", json!([])),
            ("NguoiDaiDien", json!([{ "SoDinhDanh": REPRESENTATIVE }])),
            ("NguoiDaiDien", json!([company()["NguoiDaiDien"][0], { "HoVaTen": "Ai", "SoDinhDanh": "1" }])),
        ] {
            let mut partial = company();
            partial[field] = value.clone();
            assert_eq!(read(&json!([partial])), Err(RegisterError::Malformed(Defect::Record)), "{field} {value}");
        }
        for body in [&b"{}"[..], b"null", b"[]", br#"{"DanhSach":{}}"#, br#"{"type":"Server.X"}"#] {
            let answer = read_answer(body, &query("0199999511"));
            assert_eq!(answer, Err(RegisterError::Malformed(Defect::Body)));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_name_another(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let query = query("0199999511");
            if let Ok(Some(record)) = read_answer(&bytes, &query) {
                prop_assert_eq!(record.code, query.code);
            }
        }
    }
}
