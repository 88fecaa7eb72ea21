extension RegistrationRecord {
  /// The format that this version writes and reads. It changes only when an older server could not keep the record;
  /// new fields come with new tags, which older servers keep as they are.
  public static let format: UInt8 = 1
  /// The largest record that is read: the store's largest value.
  public static let mostBytes = 1 << 20

  private enum Tag {
    static let binding: UInt64 = 1
    static let remembered: UInt64 = 2
  }

  /// The record as the store keeps it.
  public func encoded() -> [UInt8] {
    var writer = RecordWriter(capacity: 32 + bindings.count * 320 + remembered.count * 128)
    writer.append(byte: Self.format)
    for binding in bindings { writer.field(Tag.binding) { binding.encode(to: &$0) } }
    for register in remembered { writer.field(Tag.remembered) { register.encode(to: &$0) } }
    writer.append(unknown: unknown)
    // Kept for as long as the registration: without the room that was made for more than it took.
    return writer.bytes.withUnsafeBufferPointer { Array($0) }
  }

  /// Reads a stored record.
  public init(decoding bytes: [UInt8]) throws(RegistrationRecordError) {
    guard let format = bytes.first else { throw .empty }
    guard bytes.count <= Self.mostBytes else { throw .tooLarge }
    guard format == Self.format else { throw .unknownFormat(format) }
    self.init()
    var reader = RecordReader(bytes, 1..<bytes.count)
    while let (tag, value, all) = try reader.field() {
      switch tag {
      case Tag.binding: bindings.append(try Binding(reader.inner(value)))
      case Tag.remembered: remembered.append(try RememberedRegister(reader.inner(value)))
      default: unknown.append(contentsOf: reader.slice(all))
      }
    }
  }
}

extension Binding {
  private enum Tag {
    static let contact: UInt64 = 1
    static let parameters: UInt64 = 2
    static let q: UInt64 = 3
    static let isOutbound: UInt64 = 4
    static let callID: UInt64 = 5
    static let cseq: UInt64 = 6
    static let expiresAt: UInt64 = 7
    static let updatedAt: UInt64 = 8
    static let path: UInt64 = 9
    static let source: UInt64 = 10
    static let flow: UInt64 = 11
  }

  func encode(to writer: inout RecordWriter) {
    writer.field(Tag.contact, contactBytes)
    if !parametersBytes.isEmpty { writer.field(Tag.parameters, parametersBytes) }
    if q != 1_000 { writer.field(Tag.q, number: UInt64(clamping: q)) }
    if isOutbound { writer.field(Tag.isOutbound, number: 1) }
    writer.field(Tag.callID, callIDBytes)
    writer.field(Tag.cseq, number: UInt64(cseq))
    writer.field(Tag.expiresAt, number: UInt64(bitPattern: expiresAt))
    writer.field(Tag.updatedAt, number: UInt64(bitPattern: updatedAt))
    for path in paths { writer.field(Tag.path, path[...]) }
    if !sourceBytes.isEmpty { writer.field(Tag.source, sourceBytes) }
    if !flowBytes.isEmpty { writer.field(Tag.flow, flowBytes) }
    writer.append(unknown: unknown)
  }

  init(_ fields: RecordReader) throws(RegistrationRecordError) {
    var reader = fields
    self.init(contact: [][...], callID: [], cseq: 0, expiresAt: 0, updatedAt: 0)
    while let (tag, value, all) = try reader.field() {
      switch tag {
      case Tag.contact: contactBytes = reader.part(value)
      case Tag.parameters: parametersBytes = reader.part(value)
      case Tag.q: q = Int(min(try reader.number(in: value), 1_000))
      case Tag.isOutbound: isOutbound = try reader.number(in: value) != 0
      case Tag.callID: callIDBytes = reader.part(value)
      case Tag.cseq:
        guard let number = UInt32(exactly: try reader.number(in: value)) else { throw .malformed }
        cseq = number
      case Tag.expiresAt: expiresAt = Int64(bitPattern: try reader.number(in: value))
      case Tag.updatedAt: updatedAt = Int64(bitPattern: try reader.number(in: value))
      case Tag.path: paths.append(reader.slice(value))
      case Tag.source: sourceBytes = reader.part(value)
      case Tag.flow: flowBytes = reader.part(value)
      default: unknown.append(contentsOf: reader.slice(all))
      }
    }
    guard !contactBytes.isEmpty else { throw .malformed }
  }
}

extension RememberedRegister {
  private enum Tag {
    static let callID: UInt64 = 1
    static let cseq: UInt64 = 2
    static let branch: UInt64 = 3
    static let digest: UInt64 = 4
    static let status: UInt64 = 5
    static let toTag: UInt64 = 6
    static let at: UInt64 = 7
  }

  func encode(to writer: inout RecordWriter) {
    writer.field(Tag.callID, callIDBytes)
    writer.field(Tag.cseq, number: UInt64(cseq))
    writer.field(Tag.branch, branchBytes)
    writer.field(Tag.digest, number: digest)
    writer.field(Tag.status, number: UInt64(clamping: status))
    writer.field(Tag.toTag, toTagBytes)
    writer.field(Tag.at, number: UInt64(bitPattern: at))
    writer.append(unknown: unknown)
  }

  init(_ fields: RecordReader) throws(RegistrationRecordError) {
    var reader = fields
    self.init(callID: [][...], cseq: 0, branch: [], digest: 0, status: 200, toTag: [], at: 0)
    while let (tag, value, all) = try reader.field() {
      switch tag {
      case Tag.callID: callIDBytes = reader.part(value)
      case Tag.cseq:
        guard let number = UInt32(exactly: try reader.number(in: value)) else { throw .malformed }
        cseq = number
      case Tag.branch: branchBytes = reader.part(value)
      case Tag.digest: digest = try reader.number(in: value)
      case Tag.status:
        let number = try reader.number(in: value)
        guard (200...699).contains(number) else { throw .malformed }
        status = Int(number)
      case Tag.toTag: toTagBytes = reader.part(value)
      case Tag.at: at = Int64(bitPattern: try reader.number(in: value))
      default: unknown.append(contentsOf: reader.slice(all))
      }
    }
  }
}
