//! Notes what the extension is built from and by, for `rustonite --version`. No path and no name of
//! a machine or a person gets into it.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    let profile = profile().unwrap_or_default();
    let commit = commit(&profile).unwrap_or_default();
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=RUSTONITE_COMMIT={commit}");
    println!("cargo::rustc-env=RUSTONITE_PROFILE={profile}");
    println!("cargo::rustc-env=RUSTONITE_RUSTC={}", compiler().unwrap_or_default());
    println!("cargo::rustc-env=RUSTONITE_TARGET={}", env::var("TARGET").unwrap_or_default());
}

/// The profile's own name; `PROFILE` only has that of the one it is made from.
fn profile() -> Option<String> {
    let out = PathBuf::from(env::var_os("OUT_DIR")?);
    // target/PROFILE/build/CRATE/out
    Some(out.ancestors().nth(3)?.file_name()?.to_str()?.to_owned())
}

/// `rustc 1.95.0`, without the date.
fn compiler() -> Option<String> {
    let text = said(Command::new(env::var_os("RUSTC")?).arg("--version"))?;
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// The commit of the checkout, for what is handed out. Builds of every day would be linked anew for
/// each commit, so they have none.
fn commit(profile: &str) -> Option<String> {
    println!("cargo::rerun-if-env-changed=RUSTONITE_COMMIT");
    if let Some(told) = env::var("RUSTONITE_COMMIT").ok().filter(|told| !told.is_empty()) {
        return Some(told);
    }
    if profile != "release" {
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    let git = |arguments: &[&str]| said(Command::new("git").current_dir(&root).args(arguments));
    // A source archive that was unpacked in somebody else's checkout has no commit.
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != root {
        return None;
    }
    for name in ["HEAD", "logs/HEAD"] {
        println!(
            "cargo::rerun-if-changed={}",
            git(&["rev-parse", "--path-format=absolute", "--git-path", name])?
        );
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn said(command: &mut Command) -> Option<String> {
    let done = command.output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8(done.stdout).ok()?.trim().to_owned())
}
