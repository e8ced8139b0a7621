//! The table: each row with its limit, its ratio, and whether it is what was aimed at.

use std::fmt;

use crate::meter::Passes;

/// What is aimed at.
#[derive(Clone, Copy)]
pub enum Target {
    /// At most so many times the limit's time.
    Times(f64),
    /// Less than so many times the limit's time.
    Below(f64),
    /// At least so many times the limit's rate.
    Rate(f64),
    /// Less than so many nanoseconds.
    Nanos(f64),
    /// Nothing: for who wants to know.
    None,
}

/// One row.
pub struct Row {
    work: String,
    limit: Option<Passes>,
    ours: Passes,
    target: Target,
}

pub const HEAD: &str = "\
| work | limit | | Aether | ratio | middle half | target | | client's CPU: limit, Aether | server's CPU |
|---|---|---|---|---|---|---|---|---|---|";

impl Row {
    /// One that is compared to a limit.
    pub fn new(work: impl Into<String>, limit: &Passes, ours: &Passes, target: Target) -> Self {
        Self {
            work: work.into(),
            limit: Some(limit.clone()),
            ours: ours.clone(),
            target,
        }
    }

    /// One that is compared to nothing but its target.
    pub fn alone(work: impl Into<String>, ours: &Passes, target: Target) -> Self {
        Self {
            work: work.into(),
            limit: None,
            ours: ours.clone(),
            target,
        }
    }

    /// Lower quartile, median, upper quartile: of times, or of rates where rates are compared.
    fn ratios(&self) -> Option<[f64; 3]> {
        let [low, middle, high] = self.ours.ratio_to(self.limit.as_ref()?);
        Some(match self.target {
            Target::Rate(_) => [1.0 / high, 1.0 / middle, 1.0 / low],
            _ => [low, middle, high],
        })
    }

    /// What is compared with the target.
    fn result(&self) -> f64 {
        match (self.target, self.ratios()) {
            (Target::Nanos(_), _) | (_, None) => self.ours.seconds() * 1e9,
            (_, Some([_, ratio, _])) => ratio,
        }
    }

    fn is_met(&self) -> Option<bool> {
        let result = self.result();
        match self.target {
            Target::Times(most) => Some(result <= most),
            Target::Below(times) => Some(result < times),
            Target::Rate(least) => Some(result >= least),
            Target::Nanos(below) => Some(result < below),
            Target::None => None,
        }
    }

    /// The line that says that the target was missed, if it was.
    pub fn missed(&self) -> Option<String> {
        let missed = self.is_met() == Some(false);
        missed.then(|| {
            let (work, target) = (&self.work, self.target);
            format!("MISSED: {work}: {:.2}, aimed at {target}", self.result())
        })
    }

    fn amount(&self, of: &Passes) -> String {
        match self.target {
            Target::Rate(_) => format!("{}/s", thousands(1.0 / of.seconds())),
            _ => time(of.seconds()),
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.is_met() {
            Some(true) => "ok",
            Some(false) => "MISSED",
            None => "",
        };
        let (name, amount) = match &self.limit {
            Some(limit) => (limit.name, self.amount(limit)),
            None => ("", String::new()),
        };
        let (ratio, half) = match self.ratios() {
            Some([low, ratio, high]) => (format!("{ratio:.2}"), format!("{low:.2} to {high:.2}")),
            None => (String::new(), String::new()),
        };
        let both = |limit: Option<f64>, ours: Option<f64>| {
            let times = [limit, ours].into_iter().flatten();
            times.map(time).collect::<Vec<_>>().join(", ")
        };
        let limits = self.limit.as_ref().map(Passes::processor_seconds);
        let ours = self.ours.processor_seconds();
        let client = both(limits.map(|(client, _)| client), Some(ours.0));
        let server = limits.map_or(String::new(), |(_, server)| both(server, ours.1));
        write!(
            f,
            "| {} | {name} | {amount} | {} | {ratio} | {half} | {} | {verdict} | {client} | {server} |",
            self.work,
            self.amount(&self.ours),
            self.target,
        )
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(most) => write!(f, "<= {most:.2}"),
            Self::Below(times) => write!(f, "< {times}"),
            Self::Rate(least) => write!(f, ">= {least:.2} of the rate"),
            Self::Nanos(below) => write!(f, "< {below:.0} ns"),
            Self::None => Ok(()),
        }
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        1e-3.. => format!("{:.2} ms", seconds * 1e3),
        1e-4.. => format!("{:.0} µs", seconds * 1e6),
        1e-6.. => format!("{:.1} µs", seconds * 1e6),
        _ => format!("{:.0} ns", seconds * 1e9),
    }
}

/// A number with commas.
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
