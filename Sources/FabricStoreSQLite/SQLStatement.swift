import GRDB
import GRDBSQLite

/// A prepared statement of a connection, bound and stepped without an intermediate value for each column: the commit
/// path runs three of these for every key.
struct SQLStatement {
  // Kept by the connection's own statement cache for as long as the connection is open.
  private let handle: OpaquePointer
  private let connection: OpaquePointer

  /// Prepares, or takes the one prepared earlier.
  init(_ db: Database, _ sql: String) throws {
    let statement = try db.cachedStatement(sql: sql)
    guard let connection = db.sqliteConnection else {
      throw DatabaseError(resultCode: .SQLITE_MISUSE, message: "the connection is closed")
    }
    handle = statement.sqliteStatement
    self.connection = connection
  }

  // SQLite copies what is bound so.
  private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  func bind(_ value: Int64, at index: Int32) { sqlite3_bind_int64(handle, index, value) }

  func bind(_ value: UInt64, at index: Int32) { bind(Int64(bitPattern: value), at: index) }

  func bind(_ value: UInt64?, at index: Int32) {
    if let value { bind(value, at: index) } else { sqlite3_bind_null(handle, index) }
  }

  func bind(_ value: [UInt8]?, at index: Int32) {
    guard let value else {
      sqlite3_bind_null(handle, index)
      return
    }
    value.withUnsafeBytes { bind($0, at: index) }
  }

  /// Binds a text's bytes: keys are compared by bytes.
  func bind(bytesOf text: String, at index: Int32) {
    var text = text
    text.withUTF8 { bind(UnsafeRawBufferPointer($0), at: index) }
  }

  /// Binds bytes, which are copied.
  func bind(_ bytes: UnsafeRawBufferPointer, at index: Int32) {
    if bytes.isEmpty {
      sqlite3_bind_zeroblob(handle, index, 0)
    } else {
      sqlite3_bind_blob64(handle, index, bytes.baseAddress, UInt64(bytes.count), Self.transient)
    }
  }

  func bind(text: String, at index: Int32) {
    sqlite3_bind_text(handle, index, text, -1, Self.transient)
  }

  /// Whether there is a (further) row.
  func step() throws -> Bool {
    switch sqlite3_step(handle) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default:
      let code = sqlite3_extended_errcode(connection)
      let message = String(cString: sqlite3_errmsg(connection))
      sqlite3_reset(handle)
      throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
    }
  }

  /// Makes it ready to be bound and run again. Every run ends with it: a statement left open holds its transaction open.
  func reset() { sqlite3_reset(handle) }

  /// Runs a statement that returns nothing.
  func run() throws {
    defer { reset() }
    while try step() {}
  }

  func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  func bytes(_ column: Int32) -> [UInt8] {
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let start = sqlite3_column_blob(handle, column) else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: start, count: count))
  }

  /// A blob's bytes in their place, good until the next step.
  func withBytes<T>(_ column: Int32, _ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let start = sqlite3_column_blob(handle, column) else {
      return try body(UnsafeRawBufferPointer(start: nil, count: 0))
    }
    return try body(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// A blob's bytes as text; what is not UTF-8 is repaired, so a damaged file cannot trap.
  func text(_ column: Int32) -> String {
    let count = Int(sqlite3_column_bytes(handle, column))
    guard count > 0, let start = sqlite3_column_blob(handle, column) else { return "" }
    return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
  }
}
