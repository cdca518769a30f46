//! What is shown.

use crate::measure;
use crate::screen::detail::{Body, Detail};
use crate::screen::history::{History, Past};
use crate::screen::sight::{Grouping, Sight, Site};
use crate::screen::table::{Line, Order, lines};
use crate::screen::watched::Choice;
use crate::screen::words;

/// What becomes known.
#[derive(Debug)]
pub enum News {
    /// Who can be watched.
    Programs(Vec<Choice>),
    /// A profile of who is watched, and in how many seconds the next one is to come.
    Sight(Box<Sight>, f64),
    /// Why there is none this time.
    Missed(String),
    /// Why there are no more.
    Gone(String),
}

/// Which page is shown.
#[derive(Clone, Debug)]
pub enum Page {
    /// The programs that can be watched.
    Programs,
    /// The table of one of them.
    Table,
    /// A function of it.
    Function(Detail),
}

/// Keys and columns that are explained.
#[derive(Clone, Copy, Debug, Default)]
pub struct Explained {
    /// The line that is shown first.
    pub first: usize,
    /// There is not room for all.
    pub goes_on: bool,
}

/// The screen.
#[derive(Debug)]
pub struct Screen {
    /// What is shown.
    pub page: Page,
    /// What is explained over it, if keys are.
    pub explained: Option<Explained>,
    /// Whether nothing new is looked at.
    pub is_frozen: bool,
    /// Whether there is a list of programs to go back to.
    pub has_programs: bool,
    /// The programs.
    pub programs: Vec<Choice>,
    /// The one that is chosen.
    pub program: usize,
    /// The latest profile.
    pub latest: Option<Sight>,
    /// In how many seconds the next one comes.
    pub every: f64,
    /// When it was seen that there are no more.
    pub ended: Option<String>,
    /// What rows are.
    pub grouping: Grouping,
    /// What they are sorted by.
    pub order: Order,
    /// What is in their names.
    pub search: String,
    /// Whether that is being typed.
    pub is_searching: bool,
    /// The rows.
    pub lines: Vec<Line>,
    /// The name of the one that is chosen; the first one until somebody chooses.
    pub selected: Option<String>,
    /// What there is to say, until the next key.
    pub note: Option<String>,
    /// Rows that have room on the page.
    pub room: usize,
    own: History,
    all: History,
    total: History,
    /// What is seen of the function, in that many columns.
    body: Option<(usize, Body)>,
}

impl Screen {
    /// Of one program, or of all that there are.
    pub fn new(has_programs: bool) -> Screen {
        Screen {
            page: if has_programs { Page::Programs } else { Page::Table },
            explained: None,
            is_frozen: false,
            has_programs,
            programs: Vec::new(),
            program: 0,
            latest: None,
            every: 1.0,
            ended: None,
            grouping: Grouping::Own,
            order: Order::InUse,
            search: String::new(),
            is_searching: false,
            lines: Vec::new(),
            selected: None,
            note: None,
            room: 1,
            own: History::default(),
            all: History::default(),
            total: History::default(),
            body: None,
        }
    }

    /// Takes in what has become known.
    pub fn see(&mut self, news: News) {
        match news {
            News::Programs(programs) => {
                let chosen = self.programs.get(self.program).map(|program| program.pid);
                let same = programs.iter().position(|program| Some(program.pid) == chosen);
                self.program = same.unwrap_or(self.program.min(programs.len().saturating_sub(1)));
                self.programs = programs;
            }
            // It was on its way when the screen was frozen.
            News::Sight(..) if self.is_frozen && self.latest.is_some() => {}
            News::Sight(sight, every) => {
                self.every = every;
                self.add(*sight);
            }
            News::Missed(why) => self.note = Some(why),
            News::Gone(why) => {
                self.ended.get_or_insert_with(|| measure::now("%H:%M:%S"));
                self.note = Some(why);
            }
        }
    }

    fn add(&mut self, sight: Sight) {
        if self.latest.as_ref().is_some_and(|latest| !sight.continues(latest)) {
            self.forget();
        }
        self.own.add(sight.at, sight.rows(Grouping::Own));
        self.all.add(sight.at, sight.rows(Grouping::All));
        let allocated = sight.header.allocated.map_or(0, |amount| amount.bytes);
        self.total.add(sight.at, &[Site { allocated: allocated.max(1), ..Site::default() }]);
        self.latest = Some(sight);
        self.body = None;
        self.arrange();
    }

    /// Begins anew, with another program.
    pub fn forget(&mut self) {
        (self.own, self.all, self.total) = Default::default();
        (self.latest, self.ended, self.selected, self.body) = (None, None, None, None);
        self.arrange();
    }

    /// Puts the rows in order.
    pub fn arrange(&mut self) {
        self.lines = lines(self.history(), self.order, &self.search);
    }

    /// Rows over time.
    pub fn history(&self) -> &History {
        match self.grouping {
            Grouping::Own => &self.own,
            Grouping::All => &self.all,
        }
    }

    /// A row over time.
    pub fn past(&self, name: &str) -> Option<&Past> {
        self.history().row(name)
    }

    /// Bytes that the program allocates a second.
    pub fn rate(&self) -> Option<f64> {
        let total = self.total.rows().next()?;
        self.total.rate(total)
    }

    /// Where the chosen row is among the others.
    pub fn position(&self) -> usize {
        let selected = self.selected.as_ref();
        selected.and_then(|name| self.lines.iter().position(|line| line.name == *name)).unwrap_or(0)
    }

    /// Chooses the row that is so many further down, or the line of a function.
    pub fn go(&mut self, by: isize) {
        let moved = |at: usize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
        let count = self.body.as_ref().map_or(0, |(_, body)| match body {
            Body::Calls(calls) => calls.len(),
            // The last page is full.
            body => (body.len() + 1).saturating_sub(self.room),
        });
        match &mut self.page {
            Page::Programs => self.program = moved(self.program, self.programs.len()),
            Page::Function(detail) => detail.line = moved(detail.line, count),
            Page::Table => {
                let at = moved(self.position(), self.lines.len());
                self.selected = self.lines.get(at).map(|line| line.name.clone());
            }
        }
    }

    /// Looks into a function.
    pub fn open(&mut self, detail: Detail) {
        self.page = Page::Function(detail);
        self.body = None;
    }

    /// What is seen of a function, in lines of that many columns.
    pub fn body(&mut self, width: usize) -> Option<&Body> {
        let (Page::Function(detail), Some(latest)) = (&self.page, &self.latest) else { return None };
        if self.body.as_ref().is_none_or(|&(known, _)| known != width) {
            self.body = Some((width, detail.body(&latest.profile, width)));
        }
        let (_, body) = self.body.as_ref()?;
        Some(body)
    }

    /// What is seen of a function, as it was shown.
    pub fn shown(&self) -> Option<&Body> {
        self.body.as_ref().map(|(_, body)| body)
    }

    /// What is to be done about the profile, if it says little.
    pub fn hint(&self) -> Option<String> {
        use crate::view::header::Hint;
        let header = &self.latest.as_ref()?.header;
        let pid = header.pid.as_deref().unwrap_or("PID");
        header.hints.iter().find_map(|hint| match hint {
            Hint::NoSamples { .. } => Some(words::no_samples(pid)),
            Hint::Dormant => Some(words::dormant(pid)),
            Hint::FewSamples { samples, rate } => Some(words::few_samples(*samples, pid, *rate)),
            Hint::NoNames => Some(words::NO_NAMES.to_owned()),
            Hint::Little { .. } => None,
        })
    }
}
