use crate::{Time, web::refusal::Refusal};

/// The largest window: 800 KB for a stream.
const WINDOW_AT_MOST: usize = 100_000;

/// What a client asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) from: Time,
    /// Not included.
    pub(super) to: Time,
    /// Minus infinity lets all pass.
    pub(super) min: f64,
    pub(super) window: usize,
    /// Minus infinity lets all pass.
    pub(super) above: f64,
}

impl Wanted {
    /// By hand, so that a fault names its parameter.
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut wanted =
            Self { from: Time::MIN, to: Time::MAX, min: f64::NEG_INFINITY, window: 1, above: f64::NEG_INFINITY };
        for (at, (name, value)) in pairs.iter().enumerate() {
            if pairs[..at].iter().any(|(before, _)| before == name) {
                return Err(Refusal::parameter(name, "is given twice"));
            }
            match &**name {
                "from" => wanted.from = time(name, value)?,
                "to" => wanted.to = time(name, value)?,
                "min" => wanted.min = number(name, value)?,
                "above" => wanted.above = number(name, value)?,
                "window" => {
                    let window = value.parse().ok().filter(|window| (1..=WINDOW_AT_MOST).contains(window));
                    let expected = format!("has to be a whole number from 1 to {WINDOW_AT_MOST}, not {value:?}");
                    wanted.window = window.ok_or_else(|| Refusal::parameter(name, &expected))?;
                }
                _ => return Err(Refusal::parameter(name, "is unknown; there are from, to, min, window and above")),
            }
        }
        if wanted.from > wanted.to {
            return Err(Refusal::parameter("to", "is before `from`"));
        }
        Ok(wanted)
    }
}

fn time(name: &str, value: &str) -> Result<Time, Refusal> {
    value.parse().map_err(|error| Refusal::parameter(name, &format!("is {value:?}; {error}")))
}

fn number(name: &str, value: &str) -> Result<f64, Refusal> {
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| Refusal::parameter(name, &format!("has to be a number, not {value:?}")))
}
