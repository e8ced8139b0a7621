//! The configuration from the environment.

use super::form::Field;
use super::{InvalidConfig, JetStreamConfig};

impl JetStreamConfig {
    /// Reads the configuration from the process's environment: `AETHER_STREAM` and the other
    /// variables of [the table](Self).
    ///
    /// A variable that is not there leaves what holds if nothing is said; one that is there and
    /// empty is wrong. Other variables that begin with `AETHER_` are not looked at. Where the
    /// server is and who we are there is not part of it: that is for
    /// [`connect`](crate::JetStreamStore::connect).
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with the field and the variable that is wrong.
    pub fn from_env() -> Result<Self, InvalidConfig> {
        for field in Field::ALL {
            if let Err(std::env::VarError::NotUnicode(_)) = std::env::var(field.variable()) {
                return Err(field.invalid("not UTF-8").in_environment());
            }
        }
        Self::from_vars(|variable| std::env::var(variable).ok())
    }

    /// Reads the configuration from wherever variables come from, by their names.
    ///
    /// ```
    /// use aether_store_jetstream::JetStreamConfig;
    ///
    /// let vars = |name: &str| match name {
    ///     "AETHER_STREAM" => Some("orders".to_owned()),
    ///     "AETHER_DEADLINE" => Some("30 seconds".to_owned()),
    ///     _ => None,
    /// };
    /// let config = JetStreamConfig::from_vars(vars)?;
    /// # use std::time::Duration;
    /// assert_eq!(config, JetStreamConfig::new("orders").deadline(Duration::from_secs(30)));
    /// # Ok::<(), aether_store_jetstream::InvalidConfig>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(mut var: impl FnMut(&str) -> Option<String>) -> Result<Self, InvalidConfig> {
        let said = Field::ALL
            .into_iter()
            .filter_map(|field| Some((field, var(field.variable())?)));
        Self::from_texts(said).map_err(InvalidConfig::in_environment)
    }
}

impl InvalidConfig {
    /// The same, where it is the environment that says it.
    fn in_environment(mut self) -> Self {
        let field = Field::ALL.into_iter().find(|f| f.name() == self.field);
        self.variable = field.map(Field::variable);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;

    use super::*;

    /// Set in the process that this test starts of itself, because a test can't change its own
    /// environment while others run.
    const CHILD: &str = "TEST_OF_THE_ENVIRONMENT";
    const NAME: &str = "config::environment::tests::the_environment_of_the_process_is_read";

    #[test]
    fn the_environment_of_the_process_is_read() {
        if std::env::var_os(CHILD).is_some() {
            match JetStreamConfig::from_env() {
                Ok(config) => println!("[{}]", serde_json::to_string(&config).unwrap()),
                Err(invalid) => println!("[{invalid}]"),
            }
            return;
        }
        let said = |vars: &[(&str, &[u8])]| {
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", NAME, "--nocapture"]).env(CHILD, "1");
            for field in Field::ALL {
                child.env_remove(field.variable());
            }
            child.envs(
                vars.iter()
                    .map(|(name, value)| (name, OsStr::from_bytes(value))),
            );
            let output = String::from_utf8(child.output().unwrap().stdout).unwrap();
            let (_, said) = output.split_once('[').unwrap();
            said.split_once("]\n").unwrap().0.to_owned()
        };
        let config = JetStreamConfig::new("orders").replicas(3);
        assert_eq!(
            said(&[
                ("AETHER_STREAM", b"orders"),
                ("AETHER_REPLICAS", b"3"),
                ("AETHER_X", b"?")
            ]),
            serde_json::to_string(&config).unwrap()
        );
        let missing = said(&[]);
        assert!(
            missing.starts_with("stream (AETHER_STREAM) is missing"),
            "{missing}"
        );
        let garbled = said(&[("AETHER_STREAM", b"orders"), ("AETHER_CODEC", b"js\xffon")]);
        assert!(
            garbled.starts_with("codec (AETHER_CODEC) is not UTF-8"),
            "{garbled}"
        );
    }
}
