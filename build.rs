//! Rebuilds the program when a migration or a locale file is added: macros embed those folders.

fn main() {
    for folder in ["migrations", "locales", "assets", "templates"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
