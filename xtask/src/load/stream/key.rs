//! Keys that are numbers, written without formatting.

/// Prefix of every key.
const PREFIX: &[u8] = b"user:session:";

/// Digits after the prefix, so that all keys have the same length.
const DIGITS: usize = 8;

/// Bytes of a key.
pub const KEY_LEN: usize = PREFIX.len() + DIGITS;

/// Appends the key of a number below 100 million.
pub fn write_key(number: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; DIGITS];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(&digits);
}

/// The number of a key.
#[must_use]
pub fn number_of(key: &str) -> Option<u32> {
    let digits = key.as_bytes().strip_prefix(PREFIX)?;
    if digits.len() != DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_numbers_are_the_same() {
        for number in [0, 7, 12_345_678, 99_999_999] {
            let mut key = Vec::new();
            write_key(number, &mut key);
            assert_eq!(key.len(), KEY_LEN);
            assert_eq!(number_of(std::str::from_utf8(&key).unwrap()), Some(number));
        }
        for other in ["", "user:session:", "user:session:1", "user:session:000000+1", "x"] {
            assert_eq!(number_of(other), None, "{other}");
        }
    }
}
