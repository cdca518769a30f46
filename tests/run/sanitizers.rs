//! Programs that are built with a sanitizer, which has an allocator of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::environment::{assert_explained, compiled};
use crate::support::{Launch, Room, print_of, signal_process, wait_until};

#[test]
fn sanitizer_builds_are_explained() {
    // Where clang's own libraries are is nothing that the dynamic linker knows.
    let runtime = print_of("clang", &["-print-file-name=libclang_rt.asan-x86_64.so".as_ref()]);
    let folder = format!("-Wl,-rpath,{}", Path::new(runtime.trim()).parent().unwrap().display());
    let builds: [(&str, &[&str]); 9] = [
        ("gcc", &["-fsanitize=address"]),
        ("gcc", &["-fsanitize=address", "-static-libasan"]),
        ("gcc", &["-fsanitize=thread"]),
        ("gcc", &["-fsanitize=leak"]),
        ("clang", &["-fsanitize=address"]),
        ("clang", &["-fsanitize=address", "-shared-libsan", &folder]),
        ("clang", &["-fsanitize=leak"]),
        ("clang", &["-fsanitize=memory"]),
        ("clang", &["-fsanitize=thread"]),
    ];
    for (compiler, flags) in builds {
        let room = Room::new();
        if let Some(path) = compiled(&room, compiler, flags) {
            assert_explained(&room.run_path(path).go(), "sanitizer");
        }
    }
}

/// Address sanitizers refuse to run where their library is not the first.
#[test]
fn children_with_an_address_sanitizer_are_unharmed() {
    let room = Room::new();
    let path = compiled(&room, "gcc", &["-fsanitize=address"]).unwrap();
    let line = format!("ASAN_OPTIONS=detect_leaks=0 {}", path.display());
    assert_explained(&room.run_path("sh").args(["-c", &line]).go(), "sanitizer");
    let ended = room.manual_path(&path).go();
    assert_eq!((ended.status(), ended.text().as_str()), (6, "hello\n"), "{ended:?}");
}

/// Nobody but the process itself can say who it was.
#[test]
fn a_process_that_is_refused_and_gone_before_the_collector_looks_is_named() {
    let room = Room::new();
    let path = compiled(&room, "gcc", &["-fsanitize=leak"]).unwrap();
    let line = format!("echo ready; while [ ! -e go ]; do sleep 0.1; done; {}", path.display());
    let mut running = room.run_path("sh").args(["-c", &line]).spawn();
    assert_eq!(running.read_line(), "ready");
    let (shell, collector) = (running.program(), running.collector());
    signal_process(collector, libc::SIGSTOP);
    fs::write(room.path("go"), "").unwrap();
    wait_until("the shell has ended", || !Path::new(&format!("/proc/{shell}")).exists());
    signal_process(collector, libc::SIGCONT);
    let ended = running.wait();
    assert_eq!(ended.status(), 6, "{ended:?}");
    let name = path.file_name().unwrap().to_str().unwrap();
    let named = format!("{name} (pid ");
    assert!(
        ended.said().iter().any(|line| line.starts_with(&named) && line.contains("sanitizer")),
        "{ended:?}"
    );
}

/// A leak that is suppressed by the name of a function, which the sanitizer finds by unwinding.
#[test]
fn a_leak_sanitizer_sees_the_same_stacks() {
    let room = Room::new();
    let source = "#include <stdlib.h>\nvoid *volatile kept;\n\
                  __attribute__((noinline)) void lost(void) { for (int i = 0; i < 5; i++) kept = malloc(100); }\n\
                  int main(void) { lost(); kept = 0; return 0; }\n";
    fs::write(room.path("leaks.c"), source).unwrap();
    fs::write(room.path("suppressed"), "leak:lost\n").unwrap();
    let mut compiler = Command::new("gcc");
    compiler.args(["-g", "-fsanitize=leak", "leaks.c", "-o", "leaks"]);
    assert!(compiler.current_dir(room.path("")).status().unwrap().success());
    let same = |launch: Launch| launch.env("LSAN_OPTIONS", "suppressions=suppressed").go().status();
    for launch in [room.bare_path("./leaks"), room.run_path("./leaks"), room.manual_path("./leaks")] {
        assert_eq!(same(launch), 0);
    }
    assert_eq!(same(room.run_path("sh").args(["-c", "./leaks; exit $?"])), 0, "a child");
}
