//! The program as a whole: what it holds, what it allocates, and what it held since it started.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;

use super::style::{CHART, FAINT, STRONG, WARNING};
use crate::measure::{grouped, running};
use crate::render::text::sampled;
use crate::screen::state::Screen;
use crate::screen::words::bytes;
use crate::view::header::{Header, reading};
use crate::view::time_line::OverTime;

/// Columns of what stands before a line.
const LABELS: u16 = 11;

/// How many rows it takes of a page.
pub fn height(screen: &Screen, page: Rect) -> u16 {
    match page.height {
        ..10 => 0,
        10..16 => 2,
        _ => 3 + chart_height(page) + u16::from(screen.hint().is_some()),
    }
}

fn chart_height(page: Rect) -> u16 {
    match page.height {
        ..30 => 1,
        30..45 => 3,
        _ => 5,
    }
}

/// Draws it.
pub fn draw(screen: &Screen, frame: &mut Frame, area: Rect) {
    let Some(latest) = &screen.latest else { return };
    let mut rows = area.rows();
    let lines = [in_use(&latest.header), allocated(&latest.header, screen.rate()), samples(&latest.header)];
    for (line, row) in lines.into_iter().zip(&mut rows) {
        frame.render_widget(line, row);
    }
    let hint = screen.hint();
    let below = Rect { y: area.y + 3, height: area.height.saturating_sub(3), ..area }.intersection(area);
    let [chart, hints] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(u16::from(hint.is_some()))]).areas(below);
    draw_chart(screen, frame, chart);
    if let Some(hint) = hint {
        frame.render_widget(labelled("hint", vec![Span::styled(hint, WARNING)]), hints);
    }
}

fn labelled(label: &str, spans: Vec<Span<'static>>) -> Line<'static> {
    let width = usize::from(LABELS);
    Line::from([vec![Span::styled(format!("{label:<width$}"), FAINT)], spans].concat())
}

fn in_use(header: &Header) -> Line<'static> {
    let mut spans = Vec::new();
    if let Some(live) = header.live {
        spans.push(Span::styled(bytes(live.bytes as f64), STRONG));
        let blocks = live.blocks.and_then(|blocks| u64::try_from(blocks).ok());
        spans.extend(blocks.map(|blocks| Span::raw(format!(" in {} blocks", grouped(blocks)))));
    }
    spans.extend(header.peak.map(|peak| Span::raw(format!(", at most {}", bytes(peak.bytes as f64)))));
    let resident = header.over_time.as_ref().and_then(|line| line.resident);
    spans.extend(resident.map(|most| Span::raw(format!(", resident at most {}", bytes(most as f64)))));
    labelled("in use", spans)
}

fn allocated(header: &Header, rate: Option<f64>) -> Line<'static> {
    let mut spans = Vec::new();
    if let Some(rate) = rate {
        spans.push(Span::styled(format!("{}/s", bytes(rate)), STRONG));
        spans.push(Span::raw(format!(": {}; ", reading(rate))));
    }
    if let Some(amount) = header.allocated {
        spans.push(Span::raw(format!("{} since the start", bytes(amount.bytes as f64))));
    }
    labelled("allocates", spans)
}

fn samples(header: &Header) -> Line<'static> {
    let losses = header.losses.iter().map(|(what, count)| format!("{} {what}", grouped(*count)));
    let losses: Vec<String> = losses.collect();
    let lost = match losses.is_empty() {
        true => Span::raw(", none lost"),
        false => Span::styled(format!(", lost: {}", losses.join(", ")), WARNING),
    };
    labelled("sampled", vec![Span::raw(sampled(header)), lost])
}

/// The heap since the start.
fn draw_chart(screen: &Screen, frame: &mut Frame, area: Rect) {
    let Some(latest) = screen.latest.as_ref().filter(|_| area.height > 0) else { return };
    let [label, chart] = Layout::horizontal([Constraint::Length(LABELS), Constraint::Fill(1)]).areas(area);
    let Some(line) = OverTime::new(&latest.profile.time_line, usize::from(chart.width)) else { return };
    let over = format!("over {}", running(latest.at as u64));
    frame.render_widget(Line::styled(over, FAINT), label);
    if area.height > 1 {
        let most = Line::styled(format!("{:>9} ▔", bytes(line.most() as f64)), FAINT);
        frame.render_widget(most, Rect { y: label.y + 1, height: 1, ..label });
    }
    let columns = line.columns.iter().map(|&value| u64::try_from(value).unwrap_or(0));
    let columns: Vec<u64> = columns.collect();
    frame.render_widget(Sparkline::default().data(columns).style(CHART), chart);
}
