//! `std::sync::OnceLock`.

use super::super::std::sync::OnceLock;

pub(crate) fn run(script: &[(u8, u8)]) -> Vec<String> {
    let mut cell = OnceLock::new();
    let step = |&(operation, n): &(u8, u8)| match operation % 8 {
        0..=2 => format!("get {:?}", cell.get()),
        3 | 4 => format!("set {:?}", cell.set(n)),
        5 | 6 => format!("get_or_init {}", cell.get_or_init(|| n)),
        _ => {
            cell = OnceLock::default();
            "default".to_owned()
        }
    };
    script.iter().map(step).collect()
}
