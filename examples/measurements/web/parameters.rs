use super::error::ErrorResponse;
use crate::Time;

/// The largest window, which takes 800 KB per stream.
const MAX_WINDOW: usize = 100_000;

/// The parameters of a stream.
#[derive(Debug, PartialEq)]
pub(super) struct Parameters {
    pub(super) from: Time,
    /// The exclusive end.
    pub(super) to: Time,
    /// The minimum; by default minus infinity.
    pub(super) min: f64,
    pub(super) window: usize,
    /// The threshold of the average; by default minus infinity.
    pub(super) above: f64,
}

impl Parameters {
    /// Parses the parameters one by one, so that an error names its parameter.
    pub(super) fn parse(pairs: &[(String, String)]) -> Result<Self, ErrorResponse> {
        let mut parameters =
            Self { from: Time::MIN, to: Time::MAX, min: f64::NEG_INFINITY, window: 1, above: f64::NEG_INFINITY };
        for (index, (name, value)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(before, _)| before == name) {
                return Err(ErrorResponse::parameter(name, "is given twice"));
            }
            match &**name {
                "from" => parameters.from = time(name, value)?,
                "to" => parameters.to = time(name, value)?,
                "min" => parameters.min = number(name, value)?,
                "above" => parameters.above = number(name, value)?,
                "window" => {
                    let window = value.parse().ok().filter(|window| (1..=MAX_WINDOW).contains(window));
                    let expected = format!("must be a whole number from 1 to {MAX_WINDOW}, not {value:?}");
                    parameters.window = window.ok_or_else(|| ErrorResponse::parameter(name, &expected))?;
                }
                _ => return Err(ErrorResponse::parameter(name, "is unknown, use from, to, min, window or above")),
            }
        }
        if parameters.from > parameters.to {
            return Err(ErrorResponse::parameter("to", "is before `from`"));
        }
        Ok(parameters)
    }
}

fn time(name: &str, value: &str) -> Result<Time, ErrorResponse> {
    value.parse().map_err(|error| ErrorResponse::parameter(name, &format!("is {value:?}: {error}")))
}

fn number(name: &str, value: &str) -> Result<f64, ErrorResponse> {
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| ErrorResponse::parameter(name, &format!("must be a number, not {value:?}")))
}
