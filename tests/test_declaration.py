"""Schemas as their documents declare them."""

from __future__ import annotations

import pydoc
import re
import subprocess
import sys
import typing
from textwrap import dedent

import construct
import pytest
from construct import Construct, Struct, this

import tlsgrammar
from tlsgrammar import Registry, dtls, extensions, handshake, key_exchange, names, record, sslv2
from tlsgrammar.extensions import DEFAULT, Extension, quic
from tlsgrammar.language import (
    block,
    enumeration,
    if_present,
    message,
    opaque,
    optional_length,
    reads,
    remaining,
    repeated,
    structure,
    uint8,
    uint16,
    uint48,
    vector,
)
from tlsgrammar.language.declaration import _WRITTEN, declaration
from tlsgrammar.language.shape import Shape, Unknown, shape

from .helpers.structures import DECLARED

TITLES = {
    extensions.NamedGroup: "NamedGroup",
    extensions.HostName: "HostName",
    handshake.ASN1Cert: "ASN1Cert",
}


def assert_declared(schema: Construct, text: str) -> None:
    assert declaration(schema, TITLES) == dedent(text).strip()


def test_a_hello() -> None:
    assert_declared(
        tlsgrammar.ClientHello,
        """
        struct {
            ProtocolVersion legacy_version;
            Random random;
            opaque legacy_session_id<0..32>;
            opaque cookie<0..2^8-1>;  /* if in dtls */
            CipherSuite cipher_suites<0..2^16-2>;
            CompressionMethod legacy_compression_methods<0..2^8-1>;
            Extension extensions<0..2^16-1>;  /* may be missing */
        } ClientHello;
        """,
    )


def test_one_of_several() -> None:
    assert_declared(
        extensions.ServerName,
        """
        struct {
            NameType name_type;
            select (this.name_type) {
                case host_name: HostName;
                default: opaque[rest];
            } name;
        } ServerName;
        """,
    )
    assert_declared(
        tlsgrammar.Certificate,
        """
        struct {
            select (in_tls13) {
                case true: CertificateTLS13;
                case false: select (has_raw_public_key) {
                    case true: RawPublicKeyTLS12;
                    case false: CertificateTLS12;
                };
            };
        } Certificate;
        """,
    )
    assert_declared(
        tlsgrammar.ECParameters,
        """
        struct {
            CurveType curve_type;
            NamedGroup namedcurve;  /* if this.curve_type == named_curve */
            ExplicitPrime explicit_prime;  /* if this.curve_type == explicit_prime */
            ExplicitChar2 explicit_char2;  /* if this.curve_type == explicit_char2 */
        } ECParameters;
        """,
    )


def test_lengths() -> None:
    assert_declared(
        sslv2.ClientHello,
        """
        struct {
            ProtocolVersion version;
            uint16 cipher_specs_length;
            uint16 session_id_length;
            uint16 challenge_length;
            SSL20CipherKind cipher_specs[this.cipher_specs_length];
            opaque session_id[this.session_id_length];
            opaque challenge[this.challenge_length];
        } CLIENT-HELLO;
        """,
    )
    assert_declared(
        record.TLSPlaintext,
        """
        struct {
            ContentType type;
            ProtocolVersion legacy_record_version;
            uint16 length;  /* peeked at, not consumed */
            opaque fragment<0..2^14+2048>;
        } TLSPlaintext;
        """,
    )
    assert_declared(
        extensions.certificates.SignedCertificateTimestampList,
        """
        struct {
            SignedCertificateTimestamp sct_list<1..2^16-1>;  /* each behind its length, a uint16 */
        } SignedCertificateTimestampList;
        """,
    )


def test_bits() -> None:
    assert_declared(
        dtls.UnifiedHeader,
        """
        struct {
            uint3 fixed_bits = 1;
            boolean connection_id_present;
            boolean sequence_number_is_uint16;
            boolean length_present;
            uint2 epoch;
        } UnifiedHeader;
        """,
    )


def test_a_structure_that_is_another() -> None:
    assert declaration(tlsgrammar.HelloRequest) == "struct {} HelloRequest;"
    assert_declared(
        tlsgrammar.CertificateVerify,
        """
        struct {
            SignatureScheme algorithm;  /* if names signature algorithm */
            opaque signature<0..2^16-1>;
        } CertificateVerify;
        """,
    )


def test_what_a_registry_has() -> None:
    text = declaration(tlsgrammar.Handshake)
    assert "        case client_hello: ClientHello;\n" in text
    assert "    } body;  /* behind its length, a uint24 */\n" in text
    text = declaration(Extension("server_hello"))
    assert re.search(r"case \w+, key_share: KeyShareServerHello;", text)
    assert "case client_hello" not in text
    assert "    } body;  /* in extension_data */\n" in text
    text = declaration(key_exchange.ClientKeyExchange)
    assert "case srp_sha, srp_sha_dss, srp_sha_rsa: ClientSRPParams;" in text


def test_a_registry_apart() -> None:
    mine = DEFAULT.copy()
    mine.register(0xFE42, "of_my_own", structure("Mine", "ours", "value" / uint8))
    assert "case of_my_own: Mine;" in declaration(Extension("client_hello"), registry=mine)
    assert "Mine" not in declaration(Extension("client_hello"))
    assert declaration(Extension("client_hello"), registry=Registry()).count("case") == 0


def test_enumerations() -> None:
    assert_declared(
        enumeration(uint8, names.ALERT_LEVELS),
        """
        enum {
            warning(1), fatal(2),
            (255)
        } AlertLevel;
        """,
    )
    text = declaration(extensions.NamedGroup, TITLES)
    assert text.endswith(" more, */\n    (65535)\n} NamedGroup;")
    assert max(map(len, text.splitlines())) <= 100


def test_typedefs() -> None:
    assert declaration(extensions.HostName, TITLES) == "opaque HostName<1..2^16-1>;"
    assert declaration(extensions.HostName) == "opaque<1..2^16-1>;"
    assert declaration(uint48, {uint48: "SequenceNumber"}) == "uint48 SequenceNumber;"


@pytest.mark.parametrize(
    ("maximum", "text"),
    [
        (32, "32"),
        (254, "254"),
        (255, "2^8-1"),
        (2**14, "2^14"),
        (2**14 + 256, "2^14+256"),
        (2**16 - 4, "2^16-4"),
        (1000, "1000"),
    ],
)
def test_bounds(maximum: int, text: str) -> None:
    assert declaration(opaque(0, maximum)) == f"opaque<0..{text}>;"


@reads("fields")
def _is_long(context: dict[str, int]) -> bool:
    return context["size"] > 3


Inner = Struct("value" / uint8)
Tree: Construct = structure(
    "Tree", "ours", "children" / vector(construct.LazyBound(lambda: Tree), 0, 255)
)
Loop: Construct = Struct("inside" / construct.Optional(construct.LazyBound(lambda: Loop)))


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (construct.Int32sl, "int32le x;"),
        (construct.Int64ub, "uint64 x;"),
        (construct.Float32b, "float32 x;"),
        (construct.Flag, "boolean x;"),
        (construct.VarInt, "varint x;"),
        (construct.Bytes(this.size), "opaque x[this.size];"),
        (construct.Bytes(this.size * 2 + 1), "opaque x[(this.size * 2) + 1];"),
        (construct.Bytes(lambda context: 3), "opaque x[a function];"),
        (remaining(), "opaque x[rest];"),
        (construct.Const(b"ab"), "opaque x[2] = 0x6162;"),
        (construct.Const(0x303, uint16), "uint16 x = 0x0303;"),
        (construct.Pass, "struct {} x;"),
        (construct.Tell, "/* x: how many bytes come before this */"),
        (construct.Computed(this.size + 1), "/* x: computed by this.size + 1 */"),
        (construct.Check(this.size == 1), "/* x: has to be: this.size == 1 */"),
        (construct.StopIf(this.size), "/* x: ends here if this.size */"),
        (construct.Terminated, "/* x: Terminated */"),
        (construct.Default(uint8, 3), "uint8 x;"),
        (construct.Enum(uint8, one=1, two=2), "uint8 x;  /* one of one, two */"),
        (construct.Hex(uint8), "uint8 x;"),
        (construct.Mapping(uint8, {"a": 1}), "uint8 x;  /* one of a */"),
        (construct.PascalString(uint8, "utf8"), "opaque x<0..2^8-1>;  /* text in utf8 */"),
        (construct.Prefixed(uint16, construct.GreedyBytes), "opaque x<0..2^16-1>;"),
        (construct.Prefixed(uint16, repeated(uint16)), "uint16 x<0..2^16-1>;"),
        (construct.FixedSized(8, uint8), "uint8 x;  /* in 8 bytes */"),
        (block(uint8, Tree), "Tree x;  /* behind its length, a uint8 */"),
        (construct.Padded(4, uint8), "uint8 x;  /* Padded */"),
        (construct.Array(3, uint16), "uint16 x[3];  /* so many elements, not bytes */"),
        (construct.GreedyRange(uint16), "uint16 x[rest];  /* as long as they fit */"),
        (vector(opaque(1, 255), 2, 255), "opaque<1..2^8-1> x<2..2^8-1>;"),
        (construct.Optional(uint8), "uint8 x;  /* may be missing */"),
        (if_present(uint8), "uint8 x;  /* may be missing */"),
        (optional_length("y", bool), "uint16 x;  /* some leave it out */"),
        (construct.Peek(uint8), "uint8 x;  /* peeked at, not consumed */"),
        (construct.If(_is_long, uint8), "uint8 x;  /* if is long */"),
        (construct.IfThenElse(this.size, uint8, uint8), "uint8 x;"),
        (construct.Lazy(uint8), "Lazy x;  /* it is parsed when it is asked for */"),
        (Inner, "struct {\n    uint8 value;\n} x;"),
        (
            construct.Sequence(uint8, uint16),
            "struct {\n    uint8;\n    uint16;\n} x;  /* a list of these */",
        ),
        (
            construct.Union(0, "a" / uint8, "b" / uint8),
            "struct {\n    uint8 a;\n    uint8 b;\n} x;  /* all begin at the same byte */",
        ),
        (
            construct.Select(Inner, uint8),
            "select (the first that fits) {\n    case fits: struct {\n        uint8 value;\n    };\n"
            "    case fits: uint8;\n} x;",
        ),
        (
            construct.PrefixedArray(uint8, uint16),
            "struct {\n    uint8 count;\n    uint16 items[this.count];  /* so many elements, not bytes */\n"
            "} x;  /* the value is items */",
        ),
        (Tree, "Tree x;"),
    ],
)
def test_every_shape(schema: Construct, text: str) -> None:
    inside = "\n".join(f"    {line}" for line in text.split("\n"))
    assert declaration(Struct("x" / schema)) == f"struct {{\n{inside}\n}};"


def test_every_shape_has_a_way_to_be_written() -> None:
    assert set(_WRITTEN) == set(typing.get_args(Shape))


def test_structures_that_contain_themselves() -> None:
    assert declaration(Tree) == "struct {\n    Tree children<0..2^8-1>;\n} Tree;"
    assert "... inside;  /* what it stands in; may be missing */" in declaration(Loop)


def test_a_construct_of_which_nothing_is_known() -> None:
    class Own(Construct):  # type: ignore[misc]
        pass

    assert isinstance(shape(Own()), Unknown)
    assert declaration(Struct("x" / Own())) == "struct {\n    Own x;\n};"


@pytest.mark.parametrize("name", DECLARED)
def test_everything_that_is_declared(name: str) -> None:
    text = declaration(DECLARED[name])
    assert "Renamed" not in text
    assert max(map(len, text.splitlines())) <= 120


def test_help_shows_the_fields() -> None:
    text = pydoc.render_doc(tlsgrammar.ClientHello)
    assert "RFC 8446 section 4.1.2" in text
    assert "CipherSuite cipher_suites<0..2^16-2>;" in text
    own = message("Greeting", "our own", "priority" / uint8)
    assert "uint8 priority;" in pydoc.render_doc(own)


def test_code_points_of_many_bytes() -> None:
    text = declaration(quic.TransportParameter)
    assert "case disable_active_migration, grease_quic_bit, disable_1rtt_encryption: Empty;" in text


def test_nobody_pays_for_declarations_who_does_not_ask() -> None:
    script = "import sys, tlsgrammar; assert 'tlsgrammar.language.declaration' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)
