//! Tests of programs whose output is closed.

use upbeat_examples::program::example;

#[test]
fn a_closed_output_is_no_failure() {
    for name in ["counter", "cache", "compare_and_swap"] {
        let mut command = example(name);
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = command.stdout(writer).output().expect("it was built");
        assert_eq!(output.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    }
    // A closed standard error is no failure either.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = example("counter").stderr(writer).output().expect("it was built");
    assert_eq!(output.status.code(), Some(0));
    assert!(!output.stdout.is_empty());
}
