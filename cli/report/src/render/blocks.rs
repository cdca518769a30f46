//! Numbers as a line of blocks.

/// A block for each value, the higher the nearer it is to `most`.
pub fn blocks(values: &[i64], most: i64) -> String {
    let most = most.max(1) as f64;
    let block = |&value: &i64| match (value as f64 / most * 8.0).ceil() as usize {
        0 => ' ',
        eighths => ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][eighths.min(8) - 1],
    };
    values.iter().map(block).collect()
}
