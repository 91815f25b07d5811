//! Reads the fixture of synthetic numbers; tests only.

pub struct Vector {
    pub value: String,
    pub expect: String,
    pub reason: String,
    pub note: String,
}

/// The rows of one kind. Fields are always quoted and hold no quotation mark.
pub fn vectors(kind: &str) -> Vec<Vector> {
    let text = include_str!("../../integration-tests/fixtures/vn-id-vectors.csv");
    text.lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.trim_end().trim_matches('"').split("\",\"").collect();
            assert_eq!(fields.len(), 6, "{line}");
            fields
        })
        .filter(|fields| fields[0] == kind)
        .map(|fields| Vector {
            value: fields[1].to_owned(),
            expect: fields[2].to_owned(),
            reason: fields[3].to_owned(),
            note: fields[4].to_owned(),
        })
        .collect()
}
