//! No circles among the files and folders of any folder, and so none among files.

use super::super::{finding::Finding, graph::Graph, rooms::Rooms};

pub(super) fn check(rooms: &Rooms<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    // A circle of files is one of entries in the folder that has them all.
    for folder in rooms.folders() {
        let graph = rooms.entries(&folder);
        findings.extend(graph.circles().iter().map(|circle| finding(rooms, &folder, &graph, circle)));
    }
    findings
}

fn finding(rooms: &Rooms<'_>, folder: &str, graph: &Graph, circle: &[usize]) -> Finding {
    let way = graph.way_around(circle);
    let names: Vec<_> = way.iter().map(|&node| graph.nodes[node].as_str()).collect();
    let examples: Vec<_> = names.windows(2).map(|pair| rooms.example(folder, pair[0], pair[1])).collect();
    let mut text = format!("{} ({})", names.join(" → "), examples.join(", "));
    if circle.len() > names.len() - 1 {
        let all: Vec<_> = circle.iter().map(|&node| graph.nodes[node].as_str()).collect();
        text = format!("{} import one another: {}; a shortest circle: {text}", circle.len(), all.join(" "));
    }
    Finding {
        path: format!("{}/src/{folder}", rooms.package.folder).trim_end_matches('/').to_owned(),
        line: 0,
        rule: "circle",
        text: format!("{text}: move what both need below both"),
    }
}
