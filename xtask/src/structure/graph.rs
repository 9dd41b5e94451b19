use std::collections::{BTreeSet, VecDeque};

/// A directed graph whose nodes have names. Arrows from a node to itself are left out.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<String>,
    pub(super) arrows: BTreeSet<(usize, usize)>,
}

impl Graph {
    pub(super) fn new(
        nodes: impl IntoIterator<Item = String>,
        arrows: impl IntoIterator<Item = (usize, usize)>,
    ) -> Self {
        let arrows = arrows.into_iter().filter(|(from, to)| from != to).collect();
        Self { nodes: nodes.into_iter().collect(), arrows }
    }

    fn after(&self, node: usize) -> impl Iterator<Item = usize> {
        self.arrows.range((node, 0)..(node + 1, 0)).map(|&(_, to)| to)
    }

    /// Returns the nodes that can be reached from `start`, without `start` unless it is on a
    /// circle.
    fn reached(&self, start: usize) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next = vec![start];
        while let Some(node) = next.pop() {
            next.extend(self.after(node).filter(|&to| reached.insert(to)));
        }
        reached
    }

    /// Returns the groups of nodes that all reach one another, the largest first.
    pub(super) fn circles(&self) -> Vec<Vec<usize>> {
        let reached: Vec<_> = (0..self.nodes.len()).map(|node| self.reached(node)).collect();
        let mut circles = Vec::new();
        let mut done = BTreeSet::new();
        for node in 0..self.nodes.len() {
            if reached[node].contains(&node) && !done.contains(&node) {
                let circle: Vec<_> =
                    reached[node].iter().copied().filter(|&other| reached[other].contains(&node)).collect();
                done.extend(circle.iter().copied());
                circles.push(circle);
            }
        }
        circles.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
        circles
    }

    /// Returns a shortest way from a node of `circle` back to it, the node at both ends.
    pub(super) fn way_around(&self, circle: &[usize]) -> Vec<usize> {
        circle.iter().filter_map(|&start| self.way_back(start)).min_by_key(Vec::len).unwrap_or_default()
    }

    fn way_back(&self, start: usize) -> Option<Vec<usize>> {
        let mut before = vec![None; self.nodes.len()];
        let mut next = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            for to in self.after(node) {
                if to == start {
                    let mut way = vec![start];
                    let mut at = Some(node);
                    while let Some(node) = at.filter(|&node| node != start) {
                        way.push(node);
                        at = before[node];
                    }
                    way.push(start);
                    way.reverse();
                    return Some(way);
                }
                if before[to].is_none() {
                    before[to] = Some(node);
                    next.push_back(to);
                }
            }
        }
        None
    }

    /// Returns the floor of each node: above all that it imports, but for the few arrows that go
    /// up.
    pub(super) fn heights(&self) -> Vec<usize> {
        let mut heights = vec![None; self.nodes.len()];
        for node in self.order() {
            let below = self.after(node).filter_map(|to| heights[to]).max();
            heights[node] = Some(below.map_or(0, |below: usize| below + 1));
        }
        heights.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Returns an order from the bottom up in which few arrows go up: none if there is no circle.
    ///
    /// By the heuristic of Eades, Lin and Smyth: nodes that import nothing are taken first, those
    /// that nothing imports last, and otherwise the one that is imported most in comparison to what
    /// it imports.
    fn order(&self) -> Vec<usize> {
        let mut left: BTreeSet<usize> = (0..self.nodes.len()).collect();
        let (mut bottom, mut top) = (Vec::new(), Vec::new());
        while !left.is_empty() {
            let count = |node: usize, outgoing: bool| {
                let ends = self.arrows.iter().map(|&(from, to)| if outgoing { (from, to) } else { (to, from) });
                ends.filter(|(here, there)| *here == node && left.contains(there)).count()
            };
            let (node, side) = if let Some(&node) = left.iter().find(|&&node| count(node, true) == 0) {
                (node, &mut bottom)
            } else if let Some(&node) = left.iter().find(|&&node| count(node, false) == 0) {
                (node, &mut top)
            } else {
                let most = left
                    .iter()
                    .copied()
                    .max_by_key(|&node| count(node, false).cast_signed() - count(node, true).cast_signed());
                (most.unwrap_or_default(), &mut bottom)
            };
            side.push(node);
            left.remove(&node);
        }
        bottom.extend(top.into_iter().rev());
        bottom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: usize, arrows: &[(usize, usize)]) -> Graph {
        Graph::new((0..nodes).map(|node| node.to_string()), arrows.iter().copied())
    }

    #[test]
    fn circles_are_found_with_a_shortest_way_around() {
        let graph = graph(6, &[(0, 1), (1, 2), (2, 0), (2, 3), (3, 2), (4, 0), (5, 5)]);
        assert_eq!(graph.circles(), [[0, 1, 2, 3]]);
        assert_eq!(graph.way_around(&[0, 1, 2, 3]), [2, 3, 2]);
    }

    #[test]
    fn the_derived_order_has_no_arrow_up_if_there_is_no_circle() {
        let graph = graph(5, &[(0, 1), (1, 2), (0, 3), (3, 2), (4, 0)]);
        assert!(graph.circles().is_empty());
        assert_eq!(graph.heights(), [2, 1, 0, 1, 3]);
    }
}
