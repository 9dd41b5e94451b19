//! The display of traces as a tree.

use std::fmt;

use crate::trace::{Frame, Trace};

/// A frame, and the frames that it calls on the way to the leaves.
struct Node<'a> {
    frame: &'a Frame,
    calls: Vec<Self>,
}

/// Writes the traces as a tree, one frame a line. Traces share their common beginning.
pub(crate) fn write_tree(f: &mut fmt::Formatter<'_>, traces: &[Trace]) -> fmt::Result {
    let mut roots = Vec::new();
    for trace in traces {
        insert(&mut roots, trace.frames());
    }
    if roots.is_empty() {
        return f.write_str("\n└─ (no names: the program has no symbols)");
    }
    write_nodes(f, &roots, &mut String::new())
}

fn insert<'a>(nodes: &mut Vec<Node<'a>>, frames: &'a [Frame]) {
    let Some((frame, inner)) = frames.split_first() else { return };
    let at = nodes.iter().position(|node| node.frame == frame).unwrap_or_else(|| {
        nodes.push(Node { frame, calls: Vec::new() });
        nodes.len() - 1
    });
    insert(&mut nodes[at].calls, inner);
}

fn write_nodes(f: &mut fmt::Formatter<'_>, nodes: &[Node<'_>], indent: &mut String) -> fmt::Result {
    for (i, node) in nodes.iter().enumerate() {
        let (branch, below) = if i + 1 == nodes.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write!(f, "\n{indent}{branch}{}", node.frame)?;
        let outer = indent.len();
        indent.push_str(below);
        write_nodes(f, &node.calls, indent)?;
        indent.truncate(outer);
    }
    Ok(())
}
