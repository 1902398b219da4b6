//! The harness itself, at sizes that mean nothing: every figure is taken, on the real binaries.

#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn every_figure_can_be_taken() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bench.json");
    let output = Command::new(env!("CARGO_BIN_EXE_causeway-bench"))
        .args(["--quick", "--out"])
        .arg(&file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let results: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let figures = results["figures"].as_array().unwrap();
    let names: Vec<_> = figures.iter().map(|figure| figure["name"].as_str().unwrap()).collect();
    let mut wanted = vec!["SelectPath by 64", "enrolments by 256"];
    if results["etcd"] == "" {
        eprintln!("without etcd, what is held against it was not taken: {errors}");
    } else {
        wanted.extend(["durable creates by 256", "reads by 64", "change → 99 % of 20 watchers"]);
    }
    for name in wanted {
        assert!(names.contains(&name), "`{name}` is missing from {names:?}");
    }
    let rates = figures.iter().filter(|figure| figure["unit"] == "/s");
    let nothing: Vec<_> =
        rates.filter(|figure| figure["ours"]["median"].as_f64() <= Some(0.0)).collect();
    assert!(nothing.is_empty(), "{nothing:?}");
}
