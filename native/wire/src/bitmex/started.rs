//! Which tables have had their partial.

use std::collections::HashSet;

/// Tables and instruments whose partial has come.
#[derive(Debug, Default)]
pub(super) struct Started(Vec<Table>);

#[derive(Debug, Default)]
struct Table {
    name: String,
    /// Whether the partial was about all instruments.
    all: bool,
    symbols: HashSet<String, foldhash::fast::RandomState>,
}

impl Started {
    pub(super) fn begin(&mut self, table: &str, symbol: Option<&str>) {
        let Self(tables) = self;
        let found = tables.iter().position(|one| one.name == table);
        let place = found.unwrap_or_else(|| {
            tables.push(Table { name: table.to_owned(), ..Table::default() });
            tables.len() - 1
        });
        match symbol {
            Some(symbol) => drop(tables[place].symbols.insert(symbol.to_owned())),
            None => tables[place].all = true,
        }
    }

    pub(super) fn has(&self, table: &str, symbol: &str) -> bool {
        let Self(tables) = self;
        let found = tables.iter().find(|one| one.name == table);
        found.is_some_and(|table| table.all || table.symbols.contains(symbol))
    }

    pub(super) fn end(&mut self, table: &str, symbol: Option<&str>) {
        let Self(tables) = self;
        let Some(table) = tables.iter_mut().find(|one| one.name == table) else { return };
        match symbol {
            Some(symbol) => drop(table.symbols.remove(symbol)),
            None => table.all = false,
        }
    }
}
