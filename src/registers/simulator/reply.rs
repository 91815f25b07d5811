//! What the simulated registers answer. The replies carry everything real ones do, ethnicity and religion and family
//! too, so that a connector's dropping of them is really tried. Such values begin with `SIM-`.

use super::company::{Company, CompanyStatus};
use super::population::{Population, SimPerson};
use super::random::Roll;
use super::server::Simulator;
use crate::identity::{BirthDate, Gender, LegalState, PersonalNumber};
use serde_json::{Value, json};

/// Every reply says that nothing in it is real.
const MARK: &str = "DỮ LIỆU THỬ NGHIỆM";

/// The answer of the population look-up to a question's body. Nobody and no match are the same empty answer.
///
/// # Errors
/// The question is not of the agreed form.
pub(super) fn population(population: &Population, question: &Value, wrong_person: bool) -> Result<Value, ()> {
    let text = |field: &str| question.get(field).and_then(Value::as_str);
    let (number, name) = (text("SoDinhDanh").ok_or(())?, text("HoVaTen").ok_or(())?);
    let number = PersonalNumber::from_exact(number).map_err(|_| ())?;
    let born = asked_birth(question.get("NgayThangNamSinh").ok_or(())?)?;
    if wrong_person {
        let other = population.somebody_else(&number).map(|person| citizen(population, &person, None));
        return Ok(collection(other));
    }
    let person = population
        .find(&number)
        .filter(|person| person.full_name.match_key() == name && born.matches(&person.birth_date));
    Ok(collection(person.map(|person| citizen(population, &person, Some(&number)))))
}

fn collection(citizen: Option<Value>) -> Value {
    json!({ "GhiChu": MARK, "CongdanCollection": { "CongDan": citizen.into_iter().collect::<Vec<_>>() } })
}

fn asked_birth(birth: &Value) -> Result<BirthDate, ()> {
    let claim = match (birth.get("NgayThangNam").and_then(Value::as_str), birth.get("Nam").and_then(Value::as_str)) {
        (Some(day), None) if day.len() == 8 && day.is_ascii() => {
            let (year, rest) = day.split_at(4);
            let (month, day) = rest.split_at(2);
            format!("{year}-{month}-{day}")
        }
        (None, Some(year)) => year.to_owned(),
        _ => return Err(()),
    };
    BirthDate::parse_claim(&claim).map_err(|_| ())
}

/// One person as the register shows them to a question about `asked`, which may be a number cancelled since.
fn citizen(population: &Population, person: &SimPerson, asked: Option<&PersonalNumber>) -> Value {
    let asked = asked.unwrap_or(&person.number);
    let renumbered = if *asked == person.number { "" } else { person.number.as_str() };
    let roll = Roll::of(person.number.as_str().parse().unwrap_or(0), 1, 0);
    let coded = |what: &str, purpose: u64, codes: u32| format!("SIM-{what}-{:02}", roll.again(purpose).below(codes));
    let relative = |number: &Option<PersonalNumber>| {
        number.as_ref().and_then(|number| population.find(number)).map(|relative| {
            json!({ "SoDinhDanh": relative.number.as_str(), "HoVaTen": format!("SIM-{}", relative.full_name.as_str()) })
        })
    };
    let address = |purpose: u64| {
        json!({
            "MaTinhThanh": format!("{:02}", 1 + roll.again(purpose).below(34)),
            "MaPhuongXa": format!("{:05}", roll.again(purpose + 1).below(30_000)),
            "ChiTiet": coded("DIA-CHI", purpose + 2, 100),
            "QuocGia": "VN",
        })
    };
    let (code, state) = codes_of(person);
    json!({
        "SoDinhDanh": asked.as_str(),
        "SoDinhDanhMoi": renumbered,
        "SoCMND": "",
        "HoVaTen": split_name(person.full_name.as_str(), roll),
        "GioiTinh": code,
        "TrangThai": state,
        "NgayThangNamSinh": match person.birth_date {
            BirthDate::Year(year) => json!({ "Nam": format!("{year:04}") }),
            day => json!({ "NgayThangNam": day.to_claim().replace('-', "") }),
        },
        "DanToc": coded("DAN-TOC", 2, 54),
        "TonGiao": coded("TON-GIAO", 3, 16),
        "TinhTrangHonNhan": coded("HON-NHAN", 4, 4),
        "NhomMau": coded("NHOM-MAU", 5, 8),
        "QuocTich": if person.foreigner { "SIM-QUOC-TICH" } else { "VN" },
        "NoiDangKyKhaiSinh": address(10),
        "QueQuan": address(20),
        "ThuongTru": address(30),
        "NoiOHienTai": address(40),
        "Cha": relative(&person.father),
        "Me": relative(&person.mother),
        "VoChong": null,
        "NguoiDaiDien": null,
        "ChuHo": { "QuanHe": coded("QUAN-HE", 6, 10) },
        "SoSoHoKhau": coded("SO-HO-KHAU", 7, 100),
    })
}

fn codes_of(person: &SimPerson) -> (u8, &'static str) {
    let gender = match person.gender {
        Gender::Male => 1,
        Gender::Female => 2,
    };
    let state = match person.legal_state {
        LegalState::Alive => "1",
        LegalState::Deceased => "2",
        LegalState::Missing => "3",
    };
    (gender, state)
}

/// Most records have three parts; one in six holds the whole name in the last.
fn split_name(name: &str, roll: Roll) -> Value {
    let words: Vec<&str> = name.split(' ').collect();
    match words.as_slice() {
        [first, middle @ .., last] if !roll.one_in(6) => {
            json!({ "Ho": first, "ChuDem": middle.join(" "), "Ten": last })
        }
        _ => json!({ "Ho": "", "ChuDem": "", "Ten": name }),
    }
}

/// The answer about organizations: one company or state body by its code and a representative, one company by its code,
/// or those that a person represents. Nobody and no match are the same empty answer.
///
/// # Errors
/// The question is not of the agreed form.
pub(super) fn organization(simulator: &Simulator, question: &Value, wrong: bool) -> Result<Value, ()> {
    let population = simulator.population();
    let text = |field: &str| question.get(field).and_then(Value::as_str);
    let number = text("SoDinhDanhNguoiDaiDien").map(PersonalNumber::from_exact).transpose().map_err(|_| ())?;
    let (code, found, list) = match (text("MaSoDoanhNghiep"), text("MaDinhDanhDienTu")) {
        (Some(code), None) => (code, population.company(code), "DoanhNghiep"),
        (None, Some(code)) => (code, population.agency(code), "CoQuan"),
        (None, None) => {
            let all = population.companies_of(&number.ok_or(())?);
            let all: Vec<Value> = all.iter().map(|found| company(found, &found.tax_code)).collect();
            return Ok(json!({ "GhiChu": MARK, "DanhSach": { "DoanhNghiep": all } }));
        }
        (Some(_), Some(_)) => return Err(()),
    };
    let found = found.map(|found| simulator.changed(code, found));
    let represents = |company: &Company| {
        number.as_ref().is_none_or(|number| company.representatives.iter().any(|person| person.number == *number))
    };
    let named = found.filter(represents);
    let shown = if wrong { "0199999014" } else { code };
    let answer: Vec<Value> = named.iter().map(|found| company(found, shown)).collect();
    Ok(json!({ "GhiChu": MARK, "DanhSach": { list: answer } }))
}

/// The same answer without a field that nobody can do without.
pub(super) fn partial(mut answer: Value) -> Value {
    for (outer, list, field) in [
        ("CongdanCollection", "CongDan", "TrangThai"),
        ("DanhSach", "DoanhNghiep", "NguoiDaiDien"),
        ("DanhSach", "CoQuan", "NguoiDaiDien"),
    ] {
        let entries = answer.get_mut(outer).and_then(|outer| outer.get_mut(list)).and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
            entry.remove(field);
        }
    }
    answer
}

/// One organization under the code it was asked by. A dependent unit answers as itself, with the representatives of the
/// company it belongs to.
fn company(company: &Company, code: &str) -> Value {
    let representatives = company.representatives.iter().map(|person| {
        json!({
            "SoDinhDanh": person.number.as_str(), "HoVaTen": person.full_name.as_str(), "ChucDanh": person.title,
        })
    });
    let unit: String = code.chars().filter(char::is_ascii_digit).collect();
    let unit = unit.get(10..).filter(|suffix| !suffix.is_empty());
    json!({
        "MaSoDoanhNghiep": code,
        "Ten": unit.map_or_else(|| company.name.clone(), |unit| format!("Chi nhánh {unit} – {}", company.name)),
        "TrangThai": match company.status {
            CompanyStatus::Active => "1",
            CompanyStatus::Suspended => "2",
            CompanyStatus::Dissolved => "3",
        },
        "NguoiDaiDien": representatives.collect::<Vec<_>>(),
        "DonViPhuThuoc": company.dependent_units,
    })
}
