//! Names for synthetic people. Surnames, middle names and names are common words; the combinations are nobody's.

use super::random::Roll;
use crate::identity::Gender;

const SURNAMES: [&str; 32] = [
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
    "Đinh",
    "Mai",
    "Trịnh",
    "Cao",
    "Lương",
    "Tạ",
    "Đoàn",
    "Hà",
    "Tô",
    "Chu",
    "Quách",
    "Kiều",
    "Thái",
    "Lâm",
    "Triệu",
    "Âu Dương",
];
const MALE_MIDDLE: [&str; 14] =
    ["Văn", "Hữu", "Đức", "Quang", "Minh", "Quốc", "Đình", "Xuân", "Công", "Anh", "Gia", "Ngọc", "Thành", "Duy"];
const FEMALE_MIDDLE: [&str; 14] = [
    "Thị",
    "Thị Ngọc",
    "Thị Thu",
    "Thị Minh",
    "Ngọc",
    "Thanh",
    "Phương",
    "Thùy",
    "Kim",
    "Diễm",
    "Bích",
    "Mỹ",
    "Hồng",
    "Thị Kim",
];
const MALE_NAMES: [&str; 30] = [
    "An", "Bình", "Cường", "Dũng", "Đạt", "Giang", "Hải", "Hiếu", "Hòa", "Hùng", "Huy", "Khánh", "Khoa", "Kiên", "Lâm",
    "Long", "Mạnh", "Nam", "Nghĩa", "Phúc", "Quân", "Quý", "Sơn", "Tài", "Thắng", "Thịnh", "Trung", "Tuấn", "Việt",
    "Vũ",
];
const FEMALE_NAMES: [&str; 30] = [
    "An", "Anh", "Ánh", "Chi", "Dung", "Duyên", "Giang", "Hà", "Hạnh", "Hằng", "Hiền", "Hoa", "Huệ", "Hương", "Khánh",
    "Lan", "Linh", "Loan", "Mai", "My", "Nga", "Ngân", "Nhung", "Oanh", "Quỳnh", "Thảo", "Thủy", "Trang", "Uyên",
    "Yến",
];
const HIGHLAND: [(&str, &str); 8] = [
    ("Y Moan Ênuôl", "H'Hen Niê"),
    ("Y Thông Kbuôr", "H'Wiên Êban"),
    ("K'Brèo", "K'Hương"),
    ("Rơ Châm Pheng", "Rơ Mah H'Yin"),
    ("A Blưu", "Y Nhớ"),
    ("Giàng A Sùng", "Giàng Thị Mỷ"),
    ("Lò Văn Pánh", "Lò Thị Mơ"),
    ("Thạch Sô Phi", "Kim Thị Sà Rươn"),
];
const SINGLE: [&str; 6] = ["Páo", "Mỷ", "Sùng", "Nhớ", "Thơi", "Blưu"];
const FOREIGN: [(&str, &str); 8] = [
    ("Peter O'Neill", "Mary O'Neill"),
    ("Jean-Luc Moreau", "Anne-Marie Moreau"),
    ("Kim Min-jun", "Kim Seo-yeon"),
    ("Tanaka Hiroshi", "Tanaka Yuki"),
    ("David Lee", "Susan Lee"),
    ("Somchai Srisuk", "Malee Srisuk"),
    ("Hans Müller", "Ingrid Müller"),
    ("Carlos Peña", "Lucía Peña"),
];

/// What kind of name somebody has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Surname, middle name, name.
    Common,
    /// Names of highland and other peoples, some with an apostrophe.
    Highland,
    /// One word.
    Single,
    /// A foreigner's.
    Foreign,
}

/// A name in one piece. `surname` fixes the family's surname for the common style.
pub(super) fn name(style: Style, gender: Gender, surname: Roll, own: Roll) -> String {
    let by_gender = |pair: (&'static str, &'static str)| match gender {
        Gender::Male => pair.0.to_owned(),
        Gender::Female => pair.1.to_owned(),
    };
    match style {
        Style::Highland => by_gender(own.pick(&HIGHLAND)),
        Style::Foreign => by_gender(own.pick(&FOREIGN)),
        Style::Single => own.pick(&SINGLE).to_owned(),
        Style::Common => {
            let (middle, given): (&[&str], &[&str]) = match gender {
                Gender::Male => (&MALE_MIDDLE, &MALE_NAMES),
                Gender::Female => (&FEMALE_MIDDLE, &FEMALE_NAMES),
            };
            format!("{} {} {}", surname.pick(&SURNAMES), own.pick(middle), own.again(1).pick(given))
        }
    }
}

/// A company's name.
pub(super) fn company(roll: Roll) -> String {
    const KINDS: [&str; 3] = ["Công ty TNHH", "Công ty Cổ phần", "Hợp tác xã"];
    const FIELDS: [&str; 8] =
        ["Thương mại", "Xây dựng", "Vận tải", "Nông sản", "Dệt may", "Cơ khí", "Du lịch", "Công nghệ"];
    const PROPER: [&str; 16] = [
        "Sông Xanh",
        "Núi Đỏ",
        "Bình An",
        "Hướng Dương",
        "Đại Thành",
        "Tân Tiến",
        "Hoa Sen",
        "Phú Quý",
        "Biển Đông",
        "Trường Sơn",
        "Ánh Dương",
        "Mùa Vàng",
        "Việt Hưng",
        "Thiên Long",
        "Hải Âu",
        "Cửu Long",
    ];
    format!("{} {} {}", roll.pick(&KINDS), roll.again(1).pick(&FIELDS), roll.again(2).pick(&PROPER))
}
