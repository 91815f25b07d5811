//! The `dinhdanh` program: a thin shell around the library.

fn main() -> std::process::ExitCode {
    dinhdanh::cli::run()
}
