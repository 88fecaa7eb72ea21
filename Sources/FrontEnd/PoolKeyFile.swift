import Foundation

/// The file that a pool's servers share their secret by: one key a line, as an even number of at least 32 hexadecimal
/// digits, the one to prove with first; empty lines and lines that begin with `#` are ignored. To change the key add the
/// new one as the second line on every server, then make it the first everywhere, then take the old one away.
public enum PoolKeyFile {
  private static let largest = 65_536

  /// Reads the keys. The file must belong to its reader alone (mode 0600 or less). No error shows what is in it.
  public static func read(_ path: String) throws(FrontEndError) -> [[UInt8]] {
    let bytes: Data
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      guard let mode = attributes[.posixPermissions] as? Int, mode & 0o077 == 0 else {
        throw failure(path, "others than its owner may use it; run 'chmod 600 \(path)'")
      }
      guard let size = attributes[.size] as? Int, size <= largest else {
        throw failure(path, "it is too large to be a key file")
      }
      bytes = try Data(contentsOf: URL(filePath: path))
    } catch let error as FrontEndError {
      throw error
    } catch {
      throw failure(path, "it cannot be read: \(error.localizedDescription)")
    }
    return try parse(String(decoding: bytes, as: UTF8.self), path)
  }

  /// Reads the text of such a file.
  static func parse(_ text: String, _ path: String) throws(FrontEndError) -> [[UInt8]] {
    var keys: [[UInt8]] = []
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      let digits = line.filter { !$0.isWhitespace }
      if digits.isEmpty || digits.hasPrefix("#") { continue }
      let values = digits.compactMap(\.hexDigitValue)
      guard values.count == digits.count, values.count >= 32, values.count.isMultiple(of: 2) else {
        throw failure(path, "line \(index + 1) is no key of at least 32 hexadecimal digits, in pairs")
      }
      keys.append(stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) })
    }
    guard !keys.isEmpty else { throw failure(path, "it holds no key") }
    return keys
  }

  private static func failure(_ path: String, _ reason: String) -> FrontEndError {
    FrontEndError(.configuration, "pool key file \(path): \(reason)")
  }
}
