//! What came and went between two moments of a process, of a profile that only has what was left of it.

use crate::profile::tables::Profile;

/// Makes the profile of what changed between two moments of one process a difference, whose errors are those of
/// what was added and what was taken away.
///
/// What is in use has grown by what was allocated, less what was freed: so that is known too, and an estimate of
/// hardly any growth is not taken for a sure one where much came and went.
pub fn find(profile: &mut Profile) {
    let types = &profile.sample_types;
    let allocated: Vec<Option<usize>> = types
        .iter()
        .map(|kind| {
            let name = format!("alloc_{}", kind.name.strip_prefix("inuse_")?);
            types.iter().position(|other| other.name == name)
        })
        .collect();
    let turnover = |row: &[i64]| -> Vec<i64> {
        let of = |(&value, allocated): (&i64, &Option<usize>)| match allocated {
            Some(index) => row[*index].saturating_mul(2).saturating_sub(value).max(value.saturating_abs()),
            None => value.saturating_abs(),
        };
        row.iter().zip(&allocated).map(of).collect()
    };
    let rows = profile.values.chunks_exact(types.len().max(1));
    profile.gross = Some(rows.flat_map(turnover).collect());
}

#[cfg(test)]
mod tests {
    use heaptrace_pprof::SampleType;

    use super::*;

    #[test]
    fn what_was_freed_is_known_from_what_was_allocated_and_is_left() {
        let names = ["alloc_space", "inuse_space", "other"];
        let mut profile = Profile {
            sample_types: names.map(|name| SampleType { name: name.into(), unit: "bytes".into() }).into(),
            // Of 100 that came 90 went; none came and 40 went; more went than is possible.
            values: vec![100, 10, 7, 0, -40, -7, 10, 30, 0],
            ..Profile::default()
        };
        find(&mut profile);
        assert_eq!(profile.gross.unwrap(), [100, 190, 7, 0, 40, 7, 10, 30, 0]);
    }
}
