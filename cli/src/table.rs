//! Columns of text.

/// The rows as lines, with no space at their ends. Those columns are to the right, for which `is_right` says so.
pub fn lines(rows: &[impl AsRef<[String]>], is_right: impl Fn(usize) -> bool) -> Vec<String> {
    let columns = rows.iter().map(|row| row.as_ref().len()).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.as_ref().get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let line = |row: &[String]| {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match is_right(column) {
                false => format!("{cell:<width$}"),
                true => format!("{cell:>width$}"),
            });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(|row| line(row.as_ref())).collect()
}

/// A name and its numbers: all columns but the first are to the right.
pub fn numbers(rows: &[Vec<String>]) -> Vec<String> {
    lines(rows, |column| column > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_each_other() {
        let row = |cells: &[&str]| cells.iter().map(|&cell| cell.to_owned()).collect::<Vec<_>>();
        let rows = [row(&["", "calls"]), row(&["malloc", "1,000", ""]), row(&["new[]", "7"])];
        assert_eq!(numbers(&rows), ["        calls", "malloc  1,000", "new[]       7"]);
        assert_eq!(lines(&rows, |_| false), ["        calls", "malloc  1,000", "new[]   7"]);
    }
}
