//! The graph of a score's edges: a topological order, and its cycles.

use std::collections::{HashMap, HashSet, VecDeque};

use super::part::Condition;

/// An edge by the index of its dependency.
pub(crate) type Edge = (u32, Condition);

/// Returns the parts in an order in which each comes after its dependencies. Independent parts keep
/// the order of their declaration.
///
/// If there are cycles, returns the parts that never become free: those in cycles and those behind
/// them.
pub(super) fn order(edges: &[Vec<Edge>]) -> Result<Vec<u32>, Vec<u32>> {
    let mut unmet: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); edges.len()];
    for (i, own) in (0..).zip(edges) {
        for &(dependency, _) in own {
            dependents[dependency as usize].push(i);
        }
    }
    let mut free: VecDeque<u32> = (0..).zip(&unmet).filter(|(_, unmet)| **unmet == 0).map(|(i, _)| i).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(i) = free.pop_front() {
        order.push(i);
        for &dependent in &dependents[i as usize] {
            unmet[dependent as usize] -= 1;
            if unmet[dependent as usize] == 0 {
                free.push_back(dependent);
            }
        }
    }
    if order.len() == edges.len() {
        Ok(order)
    } else {
        Err((0..).zip(&unmet).filter(|(_, unmet)| **unmet > 0).map(|(i, _)| i).collect())
    }
}

/// Returns one cycle of each set of parts that wait for each other. `blocked` are the parts that
/// [`order`] could not place.
pub(super) fn cycles(edges: &[Vec<Edge>], blocked: &[u32]) -> Vec<Vec<u32>> {
    // Every blocked part waits for another blocked one, so a walk along such edges ends in a cycle.
    let is_blocked: HashSet<u32> = blocked.iter().copied().collect();
    let mut visited_by = HashMap::new();
    let mut cycles = Vec::new();
    for &start in blocked {
        let (mut at, mut walk) = (start, Vec::new());
        while !visited_by.contains_key(&at) {
            visited_by.insert(at, start);
            walk.push(at);
            let next = edges[at as usize].iter().map(|(to, _)| *to).find(|to| is_blocked.contains(to));
            at = next.unwrap_or(at);
        }
        if visited_by[&at] == start
            && let Some(from) = walk.iter().position(|i| *i == at)
        {
            cycles.push(walk.split_off(from));
        }
    }
    cycles
}
