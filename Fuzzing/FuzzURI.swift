/// Compiled into one module with Sources/SIPMessage by scripts/fuzz.sh. A URI equals itself, and its address-of-record is stable.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzURI(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  if let uri = try? SIPURI(parsing: bytes[...]) {
    precondition(uri.isEquivalent(to: uri), "a URI differs from itself")
    if let canonical = uri.addressOfRecord {
      let again = try? SIPURI(parsing: canonical).addressOfRecord
      precondition(again == canonical, "the canonical form is not stable")
    }
  }
  _ = try? NameAddress(parsing: bytes[...])
  _ = try? Via(parsing: bytes[...])
  return 0
}
