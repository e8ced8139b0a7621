//! Whether a text is a URI-reference, by RFC 3986, section 4.1 and appendix A.

use std::net::Ipv6Addr;

/// What a segment of a path may have, beside the `/` between two.
const OF_A_PATH: &[u8] = b":@/";
/// What a query or a fragment may have.
const OF_A_QUERY: &[u8] = b":@/?";

/// Whether this is a URI, with a scheme, or a reference that is relative to one; so is the empty
/// text.
pub(crate) fn is_uri_reference(text: &str) -> bool {
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    let (text, query) = text.split_once('?').unwrap_or((text, ""));
    // A `:` before any `/` ends a scheme: the first segment of a relative path may have none.
    let hierarchy = match text.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('/') => is_scheme(scheme).then_some(rest),
        _ => Some(text),
    };
    let path = hierarchy.and_then(|hierarchy| match hierarchy.strip_prefix("//") {
        None => Some(hierarchy),
        Some(rest) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            is_authority(authority).then_some(path)
        }
    });
    path.is_some_and(|path| is_made_of(path, OF_A_PATH))
        && is_made_of(query, OF_A_QUERY)
        && is_made_of(fragment, OF_A_QUERY)
}

fn is_scheme(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(is_allowed)
}

/// `user@host:port`, of which the host may be empty and the others missing.
fn is_authority(text: &str) -> bool {
    let (user, place) = text.split_once('@').unwrap_or(("", text));
    let (is_host, port) = match place.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((literal, port))) => (is_ip_literal(literal), port),
        None => {
            let (name, port) = place.split_at(place.find(':').unwrap_or(place.len()));
            (is_made_of(name, b""), port)
        }
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    is_made_of(user, b":")
        && is_host
        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// What stands in brackets: an address of IP version 6, or of a later one.
fn is_ip_literal(text: &str) -> bool {
    let is_later = |text: &str| {
        let parts = text.split_once('.').filter(|(version, rest)| {
            let is_hex = version.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex && !version.is_empty() && !rest.is_empty()
        });
        parts.is_some_and(|(_, rest)| !rest.contains('%') && is_made_of(rest, b":"))
    };
    match text.strip_prefix(['v', 'V']) {
        Some(later) => is_later(later),
        None => text.parse::<Ipv6Addr>().is_ok(),
    }
}

/// Whether there is nothing but unreserved characters, escapes, "sub-delims", and these.
fn is_made_of(text: &str, these: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let is_allowed = match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()];
                digits
                    .iter()
                    .flatten()
                    .filter(|digit| digit.is_ascii_hexdigit())
                    .count()
                    == 2
            }
            _ => {
                byte.is_ascii_alphanumeric()
                    || b"-._~!$&'()*+,;=".contains(&byte)
                    || these.contains(&byte)
            }
        };
        if !is_allowed {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rfc_and_cloud_events_give_as_examples_is_taken() {
        let taken = [
            // RFC 3986, 1.1.2.
            "ftp://ftp.is.co.za/rfc/rfc1808.txt",
            "http://www.ietf.org/rfc/rfc2396.txt",
            "ldap://[2001:db8::7]/c=GB?objectClass?one",
            "mailto:John.Doe@example.com",
            "news:comp.infosystems.www.servers.unix",
            "tel:+1-816-555-1212",
            "telnet://192.0.2.16:80/",
            "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
            // 3 and 5.4.
            "foo://example.com:8042/over/there?name=ferret#nose",
            "g:h",
            "./g:h",
            "//g",
            "?y",
            "#s",
            "g;x=1/../y",
            "../../../g",
            "",
            // CloudEvents 1.0, `source`.
            "https://github.com/cloudevents",
            "mailto:cncf-wg-serverless@lists.cncf.io",
            "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66",
            "/cloudevents/spec/pull/123",
            "1-555-123-4567",
            // Corners of the grammar.
            "file:///etc/hosts",
            "http://user:word@host:/",
            "//@:",
            "//[v7.a:b]:80",
            "//[::ffff:192.0.2.16]",
            "a:",
            "a?:@/?#:@/?",
            "%41%c3%A9",
        ];
        for text in taken {
            assert!(is_uri_reference(text), "{text:?}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_give_is_refused() {
        let refused = [
            "a b",
            " a",
            "a\n",
            "\r",
            "\0",
            "ü",
            "a\u{7f}",
            "\"a\"",
            "<a>",
            "a\\b",
            "a^b",
            "a`b",
            "{a}",
            "a|b",
            "[a]",
            "%",
            "%4",
            "%4g",
            "%%41",
            "1:2",
            ":a",
            "-a:b",
            "a_b:c",
            "a%41:b",
            "a#b#c",
            "?[",
            "//a@b@c",
            "//a:b:c",
            "//a:8o",
            "//a%",
            "//[",
            "//[::1",
            "//[::1]a",
            "//[::1]:x",
            "//[1:2]",
            "//[::1%25eth0]",
            "//[v.a]",
            "//[v7.]",
            "//[vx.a]",
            "//[v7.%41]",
            "//a[::1]",
        ];
        for text in refused {
            assert!(!is_uri_reference(text), "{text:?}");
        }
    }
}
