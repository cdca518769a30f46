//! The one message that a process sends to the collector, over a SOCK_SEQPACKET unix socket, with
//! the memfd of its segment attached, and the answer.

use crate::config::TOKEN_LENGTH;

/// Why a process will not be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Refusal {
    /// No shared memory could be had (RLIMIT_AS, RLIMIT_FSIZE, no memfd).
    NoMemory = 1,
    /// The program is built with a sanitizer, which brings its own malloc and its own checks.
    Sanitizer = 2,
    /// The dynamic linker does not tell what is loaded.
    OldLibc = 3,
    /// The collector can have no more descriptors. It says so itself.
    NoDescriptors = 4,
    /// The collector cannot map the shared memory. It says so itself.
    NotMapped = 5,
    /// The C library is neither glibc nor musl.
    OtherLibc = 6,
    /// The kernel does not clear a page in forked children, by which they notice that they are some:
    /// qemu's user mode only says so.
    ForksUnseen = 7,
}

impl Refusal {
    const ALL: [Refusal; 7] = [
        Refusal::NoMemory,
        Refusal::Sanitizer,
        Refusal::OldLibc,
        Refusal::NoDescriptors,
        Refusal::NotMapped,
        Refusal::OtherLibc,
        Refusal::ForksUnseen,
    ];

    /// The reason in words, with what to do about it.
    pub fn reason(self) -> &'static str {
        match self {
            Refusal::NoMemory => "there is no memory for it; look at ulimit -v, -d and -f",
            Refusal::Sanitizer => "it is built with a sanitizer, which has its own malloc; build it without",
            Refusal::OldLibc => {
                "its dynamic linker does not tell what it has loaded; use glibc 2.17 or newer"
            }
            Refusal::OtherLibc => "its C library is neither glibc nor musl; build it for one of them",
            Refusal::NoDescriptors => {
                "too many processes run at once for the limit of open files; raise ulimit -Hn"
            }
            Refusal::ForksUnseen => {
                "it runs in an emulator, or on a Linux before 4.14, where forked children cannot be told apart"
            }
            Refusal::NotMapped => "the collector has no memory for it; look at ulimit -v",
        }
    }

    fn of(code: u8) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|&why| why as u8 == code)
    }
}

/// The collector's answer to a [`Hello`]: a byte. Whoever has just started the collector waits for it.
pub fn encode_answer(answer: Result<(), Refusal>) -> u8 {
    answer.err().map_or(0, |why| why as u8)
}

/// Reads an answer; `None` if it is not one.
pub fn decode_answer(byte: u8) -> Option<Result<(), Refusal>> {
    if byte == 0 { Some(Ok(())) } else { Refusal::of(byte).map(Err) }
}

/// Bytes of a [`Hello`].
pub const HELLO_LENGTH: usize = 3 + TOKEN_LENGTH + NAME_LENGTH;

/// Bytes of a program's name that are told: as many as the kernel keeps.
pub const NAME_LENGTH: usize = 15;

const VERSION: u8 = 3;

/// What a process says when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// The session's token.
    pub token: [u8; TOKEN_LENGTH],
    /// Set if no segment comes with the message.
    pub refusal: Option<Refusal>,
    /// The program's name, filled up with NUL: the process may be gone when it is asked for.
    pub name: [u8; NAME_LENGTH],
    /// It waits for the answer, and for the patches of what it has inside.
    pub wants_patches: bool,
}

impl Hello {
    /// What is told of a program that was started by this path.
    pub fn name_of(path: &[u8]) -> [u8; NAME_LENGTH] {
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        core::array::from_fn(|i| name.get(i).copied().unwrap_or_default())
    }

    /// The message's bytes.
    pub fn encode(&self) -> [u8; HELLO_LENGTH] {
        let mut bytes = [0; HELLO_LENGTH];
        bytes[0] = VERSION;
        bytes[1] = self.refusal.map_or(0, |why| why as u8);
        bytes[2] = self.wants_patches.into();
        bytes[3..3 + TOKEN_LENGTH].copy_from_slice(&self.token);
        bytes[3 + TOKEN_LENGTH..].copy_from_slice(&self.name);
        bytes
    }

    /// Reads a message; `None` if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Hello> {
        let bytes: &[u8; HELLO_LENGTH] = bytes.try_into().ok()?;
        let (token, name) = bytes[3..].split_at(TOKEN_LENGTH);
        let (token, name) = (token.try_into().ok()?, name.try_into().ok()?);
        let refusal = match bytes[1] {
            0 => None,
            code => Some(Refusal::of(code)?),
        };
        (bytes[0] == VERSION).then_some(Hello { token, refusal, name, wants_patches: bytes[2] != 0 })
    }
}

/// Are both ids those of one user, so that either could trace the other's processes anyway? The
/// kernel shows all users that a user namespace does not know as nobody, who is no one for sure.
pub fn same_user(one: u32, other: u32) -> bool {
    const NOBODY: u32 = 65_534;
    one == other && one != NOBODY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hello_reads_back_and_anything_else_is_refused() {
        for refusal in [None].into_iter().chain(Refusal::ALL.map(Some)) {
            let name = Hello::name_of(b"/usr/bin/orders");
            assert_eq!(&name, b"orders\0\0\0\0\0\0\0\0\0");
            let hello = Hello {
                token: *b"0123456789abcdef0123456789abcdef",
                refusal,
                name,
                wants_patches: refusal.is_none(),
            };
            assert_eq!(Hello::decode(&hello.encode()), Some(hello));
        }
        assert_eq!(&Hello::name_of(b"a-name-that-is-long"), b"a-name-that-is-");
        assert_eq!(Hello::decode(b"GET / HTTP/1.1"), None);
        assert_eq!(Hello::decode(&[9; HELLO_LENGTH]), None);
    }

    #[test]
    fn an_answer_reads_back_and_anything_else_is_refused() {
        for answer in [Ok(())].into_iter().chain(Refusal::ALL.map(Err)) {
            assert_eq!(decode_answer(encode_answer(answer)), Some(answer));
        }
        assert_eq!(decode_answer(b'!'), None);
    }

    #[test]
    fn nobody_is_no_one_for_sure() {
        assert!(same_user(0, 0) && same_user(1000, 1000));
        assert!(!same_user(0, 1000) && !same_user(65_534, 65_534));
    }
}
