import GRDB
import GRDBSQLite

/// A statement for many rows: it is looked for once, and values are bound as they come, without an object around each.
struct BulkStatement {
    private let statement: Statement
    private let database: Database

    /// Nothing else may use the same text on this connection: its values stay bound.
    init(_ database: Database, _ sql: String) throws {
        statement = try database.cachedStatement(sql: sql)
        self.database = database
    }

    /// The values of one row, in the order of the parameters.
    struct Values {
        fileprivate let statement: OpaquePointer
        fileprivate var count: Int32 = 0

        mutating func add(_ value: Int64?) {
            count += 1
            if let value { sqlite3_bind_int64(statement, count, value) } else { sqlite3_bind_null(statement, count) }
        }

        mutating func add(_ value: Bool?) {
            add(value.map { $0 ? 1 : 0 } as Int64?)
        }

        mutating func add(_ value: Double?) {
            count += 1
            if let value { sqlite3_bind_double(statement, count, value) } else { sqlite3_bind_null(statement, count) }
        }

        mutating func add(_ value: String?) {
            count += 1
            guard let value else {
                sqlite3_bind_null(statement, count)
                return
            }
            // SQLite makes a copy (SQLITE_TRANSIENT).
            let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            value.withCString { text in
                _ = sqlite3_bind_text(statement, count, text, Int32(value.utf8.count), copied)
            }
        }
    }

    /// The columns of a row that was found.
    struct Columns {
        fileprivate let statement: OpaquePointer

        func integer(_ column: Int32) -> Int64? {
            sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : sqlite3_column_int64(statement, column)
        }

        func text(_ column: Int32) -> String? {
            // First the text and then its length (sqlite3_column_bytes): a title may have a NUL in it.
            sqlite3_column_text(statement, column).map { text in
                String(
                    decoding: UnsafeBufferPointer(start: text, count: Int(sqlite3_column_bytes(statement, column))),
                    as: UTF8.self)
            }
        }
    }

    /// Runs it with these values.
    func run(_ bind: (inout Values) -> Void) throws {
        _ = try first(bind) { _ in }
    }

    /// Runs it with these values, to the first row if there is one.
    func first<Value>(_ bind: (inout Values) -> Void, read: (Columns) -> Value) throws -> Value? {
        var values = Values(statement: statement.sqliteStatement)
        bind(&values)
        precondition(
            values.count == sqlite3_bind_parameter_count(statement.sqliteStatement), "a value for each parameter")
        defer { sqlite3_reset(statement.sqliteStatement) }
        switch sqlite3_step(statement.sqliteStatement) {
        case SQLITE_ROW: return read(Columns(statement: statement.sqliteStatement))
        case SQLITE_DONE: return nil
        case let code:
            throw DatabaseError(
                resultCode: ResultCode(rawValue: code),
                message: String(cString: sqlite3_errmsg(database.sqliteConnection)),
                sql: statement.sql)
        }
    }
}
