//! What the processors did: for the program, for these tests, and for others on the same machine. In ticks of the system,
//! a hundredth of a second each.

/// So much since the system, or the process, was started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Processor {
    program: u64,
    tests: u64,
    busy: u64,
    all: u64,
}

/// What they did between two looks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    /// Ticks of the program.
    pub(crate) program: u64,
    /// How many of a hundred ticks others had.
    pub(crate) others: u64,
}

impl Processor {
    /// As things stand; `pid` is the program's.
    pub(crate) fn now(pid: u32) -> Self {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let ticks: Vec<u64> = stat.lines().next().unwrap().split_whitespace().skip(1).map(number).collect();
        // user nice system idle iowait irq softirq steal; what guests had is in user too.
        let all: u64 = ticks.iter().take(8).sum();
        let idle = ticks[3] + ticks[4];
        Self { program: of(pid), tests: of(std::process::id()), busy: all - idle, all }
    }

    pub(crate) fn since(&self, before: &Self) -> Spent {
        let (program, tests) = (self.program - before.program, self.tests - before.tests);
        let others = (self.busy - before.busy).saturating_sub(program + tests);
        Spent { program, others: others * 100 / (self.all - before.all).max(1) }
    }
}

/// The ticks of a process, in its own code and in the system's.
fn of(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in brackets, may hold anything; the fields behind it are counted from the third.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split_whitespace().skip(11).take(2).map(number).sum()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}
