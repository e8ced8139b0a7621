//! Where the server is, and who we are there.

use aether_core::StoreError;
use async_nats::{ConnectOptions, ServerAddr};

use crate::errors::misconfigured;

/// One or several servers of one cluster.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) servers: Vec<ServerAddr>,
    credentials: Option<Credentials>,
}

#[derive(Clone, PartialEq, Eq)]
enum Credentials {
    User {
        name: String,
        password: String,
    },
    /// What stands alone before the `@`.
    Token(String),
}

impl Addresses {
    /// Reads `nats://host:port`, several separated by commas.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        // What was given is not said: there may be a password in it.
        let refuse = |found: &str| {
            let expected = "one or several of nats://host:port, separated by commas";
            misconfigured("the server's address", found, expected)
        };
        let servers = text
            .split(',')
            .map(|one| one.trim().parse::<ServerAddr>())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| refuse(&error.to_string()))?;
        if servers.iter().any(|server| server.host().is_empty()) {
            return Err(refuse("without a host"));
        }
        let mut credentials = None;
        for server in servers.iter().filter(|server| server.has_user_pass()) {
            let found = Credentials::of(server).ok_or_else(|| refuse("not UTF-8 before the @"))?;
            // The client has one set of them for all servers.
            if credentials.get_or_insert_with(|| found.clone()) != &found {
                return Err(refuse("different credentials for servers of one cluster"));
            }
        }
        Ok(Self {
            servers,
            credentials,
        })
    }

    /// The options with the credentials: the client does not look for them in the address.
    pub(crate) fn authenticate(&self, options: ConnectOptions) -> ConnectOptions {
        match &self.credentials {
            None => options,
            Some(Credentials::User { name, password }) => {
                options.user_and_password(name.clone(), password.clone())
            }
            Some(Credentials::Token(token)) => options.token(token.clone()),
        }
    }

    /// Host and port, where there is one server.
    pub(crate) fn only(&self) -> Option<(String, u16)> {
        match &self.servers[..] {
            [server] => Some((server.host().to_owned(), server.port())),
            _ => None,
        }
    }

    /// For an error's text: without credentials.
    pub(crate) fn shown(&self) -> String {
        let shown = |server: &ServerAddr| format!("{}:{}", server.host(), server.port());
        self.servers.iter().map(shown).collect::<Vec<_>>().join(",")
    }
}

impl Credentials {
    fn of(server: &ServerAddr) -> Option<Self> {
        let name = decoded(server.username()?)?;
        Some(match server.password() {
            Some(password) => Self::User {
                name,
                password: decoded(password)?,
            },
            None => Self::Token(name),
        })
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Undoes the `%HH` of an address.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match after {
            [high, low, after @ ..] if *byte == b'%' => {
                rest = after;
                let digits = [*high, *low];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(text: &str) -> Option<Credentials> {
        Addresses::parse(text).unwrap().credentials
    }

    fn user(name: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::User {
            name: name.to_owned(),
            password: password.to_owned(),
        })
    }

    #[test]
    fn credentials_are_taken_from_the_address_and_not_shown() {
        assert!(credentials("nats://host:4222").is_none());
        assert!(credentials("127.0.0.1").is_none());
        assert!(credentials("nats://u:p@host") == user("u", "p"));
        assert!(credentials("nats://u%40x:p%3A%C3%A9@host") == user("u@x", "p:é"));
        assert!(credentials("nats://secret@host") == Some(Credentials::Token("secret".to_owned())));
        assert!(credentials("nats://a:1, nats://u:p@b:2,nats://u:p@c:3") == user("u", "p"));
        let addresses = Addresses::parse("nats://u:secret@a:1,nats://b").unwrap();
        assert_eq!(addresses.shown(), "a:1,b:4222");
        assert!(!format!("{:?}", addresses.credentials).contains("secret"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "nats://",
            "nats://[",
            "nats://a:1,,",
            "http://a",
            "nats://u:p@a,nats://u:q@b",
        ] {
            let error = Addresses::parse(text).unwrap_err();
            assert_eq!(
                error.kind(),
                aether_core::StoreErrorKind::Misconfigured,
                "{text}"
            );
        }
    }
}
