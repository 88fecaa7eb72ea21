import PoolDemo

extension PoolSandbox {
  /// Makes a pool for figures, starts it, gives it to `body`, and removes it, whatever comes.
  static func started<Result>(
    _ name: String,
    programs: Programs,
    groups: Int? = nil,
    drainTime: String? = nil,
    fabric: String? = nil,
    _ body: (PoolSandbox) async throws -> Result
  ) async throws -> Result {
    var layout = Layout()
    layout.name = name
    layout.ports = 22_000..<22_800
    if let groups { layout.groups = groups }
    if let drainTime { layout.drainTime = drainTime }
    if let fabric { layout.fabric = fabric }
    let pool = try await make(layout, programs: programs)
    do {
      try await pool.start()
      let result = try await body(pool)
      await pool.remove()
      return result
    } catch {
      await pool.remove()
      throw error
    }
  }
}
