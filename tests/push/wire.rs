//! Messages of Protocol Buffers without their definitions: numbers and what has them.

/// A field's number, and what is in it.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    Varint(u64, u64),
    Bytes(u64, &'a [u8]),
}

/// The fields of a message, in their order.
pub fn fields(mut message: &[u8]) -> Vec<Field<'_>> {
    let mut all = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        all.push(match key & 7 {
            0 => Field::Varint(key >> 3, varint(&mut message)),
            2 => {
                let length = varint(&mut message) as usize;
                let (bytes, rest) = message.split_at(length);
                message = rest;
                Field::Bytes(key >> 3, bytes)
            }
            other => panic!("wire type {other}"),
        });
    }
    all
}

/// What the fields of that number have, of a message that has no others than `known`.
pub fn all<'a>(message: &'a [u8], number: u64, known: &[u64]) -> Vec<&'a [u8]> {
    let bytes = |field| match field {
        Field::Bytes(of, bytes) if known.contains(&of) => (of == number).then_some(bytes),
        other => panic!("{other:?} in a message with {known:?}"),
    };
    fields(message).into_iter().filter_map(bytes).collect()
}

/// The text in the one field of that number.
pub fn text(message: &[u8], number: u64, known: &[u64]) -> String {
    let [bytes] = all(message, number, known)[..] else { panic!("one field {number}") };
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn varint(message: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = message.split_first().expect("a whole number");
        *message = rest;
        value |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}
