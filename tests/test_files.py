"""Reading sample sets: what is accepted reads to the right numbers, what is refused says file, place and remedy."""

import io
import os

import numpy as np
import pytest

from otkit.columns import selection_of
from otkit.errors import OtkitError, Unsupported
from otkit.files import read_pair, read_table, split_spec

DATA = np.array([[1.0, 2.5], [3.0, -4e-3], [5.0, 6.0]])


@pytest.fixture(autouse=True)
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content):
    mode = "wb" if isinstance(content, bytes) else "w"
    with open(name, mode, **({} if mode == "wb" else {"encoding": "utf-8", "newline": ""})) as handle:
        handle.write(content)
    return name


def refused(call, *fragments):
    with pytest.raises(OtkitError) as caught:
        call()
    message = str(caught.value)
    for fragment in fragments:
        assert fragment in message, message
    assert "\n" not in message
    return message


# --- delimited text that must read to DATA ---

GOOD_TEXT = {
    "plain": ("a,b\n1,2.5\n3,-0.004\n5,6\n", ("a", "b")),
    "no header": ("1,2.5\n3,-4e-3\n5,6\n", None),
    "no newline at the end": ("a,b\n1,2.5\n3,-4E-3\n5,6", ("a", "b")),
    "windows line ends": ("a,b\r\n1,2.5\r\n3,-4e-3\r\n5,6\r\n", ("a", "b")),
    "old mac line ends": ("a,b\r1,2.5\r3,-4e-3\r5,6\r", ("a", "b")),
    "byte order mark": ("\ufeffa,b\n1,2.5\n3,-4e-3\n5,6\n", ("a", "b")),
    "byte order mark, no header": ("\ufeff1,2.5\n3,-4e-3\n5,6\n", None),
    "blank lines": ("\n\na,b\n1,2.5\n\n3,-4e-3\n5,6\n\n  \n", ("a", "b")),
    "rows of commas at the end": ("a,b\n1,2.5\n3,-4e-3\n5,6\n,\n,\n", ("a", "b")),
    "a comma after every row": ("a,b,\n1,2.5,\n3,-4e-3,\n5,6,\n", ("a", "b")),
    "quoted": ('"a","b"\n"1","2.5"\n"3","-4e-3"\n5,6\n', ("a", "b")),
    "comments": ("# made by hand\na,b\n1,2.5\n# half\n3,-4e-3\n5,6\n", ("a", "b")),
    "numpy.savetxt header": ("# a,b\n1,2.5\n3,-4e-3\n5,6\n", None),
    "spaces": (" a , b \n 1 , 2.5 \n 3, -4e-3\n5,  6\n", ("a", "b")),
    "semicolons": ("a;b\n1;2.5\n3;-4e-3\n5;6\n", ("a", "b")),
    "tabs": ("a\tb\n1\t2.5\n3\t-4e-3\n5\t6\n", ("a", "b")),
    "pipes": ("a|b\n1|2.5\n3|-4e-3\n5|6\n", ("a", "b")),
    "white space": ("1.0e+00 2.5e+00\n3 -4e-3\n5   6\n", None),
    "unicode header": ("größe,体重\n1,2.5\n3,-4e-3\n5,6\n", ("größe", "体重")),
    "frame with its row numbers": (",a,b\n0,1,2.5\n1,3,-4e-3\n2,5,6\n", ("a", "b")),
    "frame without names": ("0,1\n1.0,2.5\n3.0,-4e-3\n5.0,6.0\n", ("0", "1")),
    "frame without names, with row numbers": (",0,1\n0,1.0,2.5\n1,3.0,-4e-3\n2,5.0,6.0\n", ("0", "1")),
    "header with a line break": ('"a\n(cm)",b\n1,2.5\n3,-4e-3\n5,6\n', ("a\n(cm)", "b")),
}


@pytest.mark.parametrize("case", GOOD_TEXT)
def test_text_reads_to_the_numbers_it_holds(case):
    text, names = GOOD_TEXT[case]
    table = read_table(write("x.csv", text))
    np.testing.assert_array_equal(table.values, DATA)
    assert table.values.flags.c_contiguous and table.values.dtype == np.float64
    assert table.names == names


def test_utf16_and_latin1_read():
    write("x.csv", "a,b\n1,2.5\n3,-4e-3\n5,6\n".encode("utf-16"))
    np.testing.assert_array_equal(read_table("x.csv").values, DATA)
    write("x.csv", "größe,b\n1,2.5\n3,-4e-3\n5,6\n".encode("cp1252"))
    assert read_table("x.csv").names == ("größe", "b")


def test_true_and_false_are_one_and_zero():
    np.testing.assert_array_equal(read_table(write("x.csv", "a,b\nTrue,1\nfalse,2\n")).values, [[1, 1], [0, 2]])


@pytest.mark.parametrize("suffix, separator", [(".tsv", "\t"), (".txt", " "), (".CSV", ",")])
def test_other_suffixes_of_text(suffix, separator):
    name = write("x" + suffix, "\n".join(separator.join(map(str, row)) for row in DATA.tolist()))
    np.testing.assert_array_equal(read_table(name).values, DATA)


def test_fast_and_slow_routes_agree_to_the_last_bit():
    values = np.random.default_rng(0).standard_normal((200, 3)) * 10.0 ** np.arange(-150, 151, 150)
    rows = "\n".join(",".join(map(repr, row)) for row in values.tolist())
    fast = read_table(write("fast.csv", "a,b,c\n" + rows))
    slow = read_table(write("slow.csv", "a,b,c\n" + rows + "\n,,\n"))
    np.testing.assert_array_equal(fast.values, values)
    np.testing.assert_array_equal(slow.values, values)


# --- headers ---


def test_a_header_is_not_invented_from_a_row_with_a_text_column():
    write("iris.csv", "5.1,3.5,setosa\n4.9,3.0,setosa\n")
    table = read_table("iris.csv:1,2")
    np.testing.assert_array_equal(table.values, [[5.1, 3.5], [4.9, 3.0]])
    assert "--header yes" in table.notes[0]


def test_header_can_be_forced_both_ways():
    write("years.csv", "2019,2020\n1,2\n")
    assert len(read_table("years.csv").values) == 2
    assert read_table("years.csv", header="yes").names == ("2019", "2020")
    write("grid.csv", "0,1,2,3\n1,2,3,4\n")
    assert read_table("grid.csv").names == ("0", "1", "2", "3")
    assert len(read_table("grid.csv", header="no").values) == 2


def test_a_guess_about_the_first_line_is_told():
    assert "--header no" in read_table(write("x.csv", "0,1\n0.5,1\n")).notes[0]
    assert "--header yes" in read_table(write("x.csv", "0,1\n5,1\n")).notes[0]


# --- choosing columns ---

TABLE = 'id,name,height,"a, b",weight\n7,Ann,1.5,4,60\n9,"Bo, jr",1.25,5,70\n'


@pytest.mark.parametrize(
    "selection, columns",
    [
        ("height,weight", (2, 4)),
        ("weight,height", (4, 2)),
        ("3", (2,)),
        ("3-5", (2, 3, 4)),
        ("1,3-4", (0, 2, 3)),
        ('"a, b"', (3,)),
    ],
)
def test_columns_by_name_number_and_range(selection, columns):
    write("t.csv", TABLE)
    whole = np.array([[7, np.nan, 1.5, 4, 60], [9, np.nan, 1.25, 5, 70]])
    np.testing.assert_array_equal(read_table(f"t.csv:{selection}").values, whole[:, columns])


def test_a_name_made_of_digits_wins_over_a_number():
    write("t.csv", "x,1\n10,20\n")
    np.testing.assert_array_equal(read_table("t.csv:1", header="yes").values, [[20]])


@pytest.mark.parametrize(
    "selection, fragment",
    [
        ("hieght", "did you mean 'height'?"),
        ("zzz", "it has 'id', 'name'"),
        ("0", "numbered 1 to 5"),
        ("6", "numbered 1 to 5"),
        ("4-9", "numbered 1 to 5"),
        ("5-3", "numbered 1 to 5"),
        ("", "no column after the colon"),
        ("height,height", "chosen twice"),
        ("height,3", "chosen twice"),
        ("name", "not numeric"),
        ("height,,weight", "no column ''"),
        ("-1", "no column '-1'"),
    ],
)
def test_a_column_that_is_not_there(selection, fragment):
    write("t.csv", TABLE)
    refused(lambda: read_table(f"t.csv:{selection}"), "t.csv", fragment)


def test_a_stray_comma_does_not_shift_the_chosen_columns():
    write("t.csv", "name,a,b\nAnn,1,2\nBo, 3,4,5\n")
    refused(lambda: read_table("t.csv:a,b"), "line 3 has 4 fields, the first line has 3")


def test_text_columns_are_named_and_the_others_offered():
    write("t.csv", TABLE)
    message = refused(lambda: read_table("t.csv"), "column 'name' is not numeric", "'Ann'")
    offered = message.split("choose the numeric ones: ")[1]
    assert read_table(offered).values.shape == (2, 4)
    wide = "k," + ",".join(f"v{i}" for i in range(40)) + "\nfoo," + ",".join("1" * 40) + "\n"
    assert refused(lambda: read_table(write("wide.csv", wide))).endswith("wide.csv:2-41")


def test_shortest_selection():
    assert selection_of([0, 1, 2, 4, 6, 7], None) == "1-3,5,7-8"
    assert selection_of([0, 2], ("a", "b", "c,d")) == 'a,"c,d"'


def test_a_spec_is_split_at_the_colon_after_a_known_suffix():
    assert split_spec("C:\\data\\x.csv:a:b") == ("C:\\data\\x.csv", "a:b")
    assert split_spec("C:\\data\\x.csv") == ("C:\\data\\x.csv", None)
    assert split_spec("-:a") == ("-", "a")
    write("odd.csv:a", "1\n2\n")
    assert split_spec("odd.csv:a") == ("odd.csv:a", None)


# --- delimited text that must be refused ---

BAD_TEXT = {
    "empty": (b"", "empty (0 bytes)"),
    "blank": (b"\n\n  \n", "no data"),
    "comments only": (b"# a,b\n# c\n", "no data"),
    "header only": (b"a,b\n", "only a header line (a, b)"),
    "header and commas": (b"a,b\n,\n,\n", "only a header line"),
    "one word": (b"hello\n", "only a header line"),
    "prose": (b"It was a dark night.\nThe rain fell.\n", "not numeric"),
    "zeros": (bytes(64), "binary"),
    "random bytes": (bytes(range(256)) * 4, "binary"),
    "junk without zeros": (bytes(range(1, 256)) * 4, "binary"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
    "npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", "name it .npy"),
    "xlsx": (b"PK\x03\x04\x14\x00\x06\x00", "zip archive"),
    "gzip": (b"\x1f\x8b\x08\x00abc", "unpack it"),
    "half of utf-16": (b"\xff\xfea", "binary"),
    "missing": (b"a,b\n1,2\n3,\n5,6\n", "line 3, column 'b' is empty; it is the only missing value"),
    "NA": (b"a,b\n1,2\nNA,2\n,6\n", "line 3, column 'a' holds 'NA'; 2 values are missing in all"),
    "nan": (b"a,b\n1,2\n3,nan\n", "line 3, column 'b' holds 'nan'"),
    "inf": (b"a,b\n1,2\n3,-inf\n", "line 3, column 'b' is infinite"),
    "overflow": (b"a,b\n1,2\n3,1e999\n", "line 3, column 'b' is infinite"),
    "a word among numbers": (b"a,b\n1,2\n3,oops\n5,6\n", "line 3, column 'b' holds 'oops', which is not a number"),
    "after comments and blanks": (b"# c\n\na,b\n1,2\n\n# d\nx,2\n3,4\n5,6\n", "line 7, column 'a' holds 'x'"),
    "no header, a word": (b"1,2\n3,oops\n5,6\n", "line 2, column 2 holds 'oops'"),
    "short row": (b"a,b\n1,2\n3\n", "line 3 has 1 fields, the first line has 2"),
    "long row": (b"a,b\n1,2\n3,4,5\n", "line 3 has 3 fields"),
    "underscores": (b"a\n1_000\n2\n3\n", "'1_000'"),
    "complex": (b"a\n1+2j\n2\n3\n", "'1+2j'"),
    "hexadecimal": (b"a\n0x10\n2\n3\n", "'0x10'"),
    "thousands": (b'a,b\n"1,234",2\n3,4\n5,6\n', "'1,234'; write decimals with a point"),
    "decimal commas": (b"a;b\n1,5;2,5\n3,5;4,5\n", "'1,5'; write decimals with a point"),
    "open quote": (b'a,b\n1,2\n"3,4\n' + b"5,6\n" * 50000, "line"),
    "only text": (b"a,b\nfoo,bar\nbaz,qux\n", "columns 'a', 'b' are not numeric"),
}


@pytest.mark.parametrize("case", BAD_TEXT)
def test_bad_text_is_refused_with_the_place(case):
    raw, fragment = BAD_TEXT[case]
    write("bad.csv", raw)
    refused(lambda: read_table("bad.csv"), "bad.csv", fragment)


# --- files that are not there or not what they say ---


def test_missing_directory_suffix_and_name():
    refused(lambda: read_table("nowhere.csv"), "nowhere.csv: no such file")
    refused(lambda: read_table("nowhere.csv:a"), "nowhere.csv: no such file")
    refused(lambda: read_table("nowhere"), "no such file")
    refused(lambda: read_table(""), "not the name of a file")
    refused(lambda: read_table("a\0b.csv"), "not the name of a file")
    refused(lambda: read_table("x" * 5000 + ".csv"), "could not be read")
    os.mkdir("dir.csv")
    refused(lambda: read_table("dir.csv"), "directory")
    refused(lambda: read_table("dir.csv:a"), "directory")
    refused(lambda: read_table(write("t.xlsx", b"PK")), ".xlsx", "save the sheet as .csv")
    refused(lambda: read_table(write("t.pkl", b"x")), "numpy.save")
    refused(lambda: read_table(write("table", b"1,2")), "without a suffix")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_file_that_may_not_be_read():
    os.chmod(write("x.csv", "1\n"), 0)
    refused(lambda: read_table("x.csv"), "permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_reads_as_text():
    import threading

    os.mkfifo("pipe")
    thread = threading.Thread(target=write, args=("pipe", "a,b\n1,2.5\n3,-4e-3\n5,6\n"))
    thread.start()
    np.testing.assert_array_equal(read_table("pipe").values, DATA)
    thread.join()


def test_standard_input():
    table = read_table("-:b", stdin=io.BytesIO(b"a,b\n1,2\n3,4\n"))
    np.testing.assert_array_equal(table.values, [[2], [4]])
    refused(lambda: read_table("-", stdin=io.BytesIO(b"")), "-", "empty")


# --- NumPy ---


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "u1", "?", ">f8", "longdouble"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_every_real_kind(dtype, order):
    values = np.asarray(DATA > 2 if dtype == "?" else np.abs(DATA), dtype=dtype, order=order)
    np.save("x.npy", values)
    table = read_table("x.npy")
    np.testing.assert_array_equal(table.values, values.astype(float))
    assert table.values.dtype == np.float64 and table.values.flags.c_contiguous


def test_npy_of_one_dimension_and_chosen_columns():
    np.save("x.npy", DATA[:, 0])
    assert read_table("x.npy").values.shape == (3, 1)
    np.save("x.npy", DATA)
    np.testing.assert_array_equal(read_table("x.npy:2").values, DATA[:, [1]])
    refused(lambda: read_table("x.npy:3"), "numbered 1 to 2")


def test_npy_with_named_fields():
    np.save("x.npy", np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "i4"), ("b", "f8")]))
    table = read_table("x.npy:b,a")
    np.testing.assert_array_equal(table.values, [[2.5, 1], [4.5, 3]])
    assert table.names == ("b", "a")


BAD_ARRAYS = {
    "objects": (np.array([1, None], dtype=object), "Python objects"),
    "complex": (np.array([1j]), "complex numbers"),
    "text": (np.array(["a"]), "text"),
    "dates": (np.array(["2020-01-01"], dtype="M8[D]"), "dates"),
    "a number": (np.array(1.0), "single number"),
    "images": (np.zeros((3, 8, 8)), "x.reshape(len(x), -1)"),
    "no rows": (np.zeros((0, 2)), "empty"),
    "no columns": (np.zeros((2, 0)), "empty"),
    "nan": (np.array([[0, 1], [np.nan, 1]]), "row 2, column 1 is nan (1 such value"),
    "inf": (np.array([0, -np.inf]), "row 2, column 1 is -inf"),
    "text fields": (np.array([(1, "a")], dtype=[("n", "f8"), ("s", "U1")]), "column 's'"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_bad_arrays_are_refused(case, suffix):
    values, fragment = BAD_ARRAYS[case]
    (np.save if suffix == ".npy" else np.savez)("x" + suffix, values, allow_pickle=True)
    refused(lambda: read_table("x" + suffix), "x" + suffix, fragment)


def test_npz_keys():
    np.savez("x.npz", DATA)
    np.testing.assert_array_equal(read_table("x.npz").values, DATA)
    np.savez_compressed("x.npz", one=DATA, two=DATA + 1)
    np.testing.assert_array_equal(read_table("x.npz:two").values, DATA + 1)
    np.testing.assert_array_equal(read_table("x.npz:two:2").values, DATA[:, [1]] + 1)
    refused(lambda: read_table("x.npz"), "2 arrays", "x.npz:one", "'two'")
    refused(lambda: read_table("x.npz:three"), "no array 'three'", "'one'")
    np.savez("x.npz")
    refused(lambda: read_table("x.npz"), "no array")


def test_damaged_numpy_files():
    np.save("x.npy", np.zeros((50, 2)))
    raw = open("x.npy", "rb").read()
    refused(lambda: read_table(write("cut.npy", raw[:300])), "damaged")
    refused(lambda: read_table(write("cut.npy", raw[:9])), "damaged")
    refused(lambda: read_table(write("cut.npy", b"")), "empty (0 bytes)")
    refused(lambda: read_table(write("text.npy", "1,2\n")), "not a NumPy .npy file")
    refused(lambda: read_table(write("named.npz", raw)), "not a NumPy .npz file")
    np.savez("x.npz", a=np.zeros((50, 2)))
    raw = open("x.npz", "rb").read()
    refused(lambda: read_table(write("cut.npz", raw[:200])), "damaged")
    refused(lambda: read_table(write("flip.npz", raw[:200] + b"\x01\x02\x03" + raw[203:])), "damaged")


# --- parquet ---


def parquet(name, **columns):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table(columns), name)
    return name


def test_parquet_reads_numbers_and_chosen_columns():
    parquet("x.parquet", a=[1, 3, 5], s=["u", "v", "w"], b=[2.5, -4e-3, 6.0], t=[True, False, True])
    np.testing.assert_array_equal(read_table("x.parquet:a,b").values, DATA)
    np.testing.assert_array_equal(read_table("x.parquet:4,1").values, [[1, 1], [0, 3], [1, 5]])
    message = refused(lambda: read_table("x.parquet"), "'s' (string)")
    assert read_table(message.split(": ")[-1]).values.shape == (3, 3)
    refused(lambda: read_table("x.parquet:s"), "not numeric")
    refused(lambda: read_table("x.parquet:c"), "no column 'c'")


def test_parquet_written_by_pandas():
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pd.DataFrame(DATA, columns=["a", "b"]).to_parquet("x.parquet")
    np.testing.assert_array_equal(read_table("x.parquet").values, DATA)
    pd.DataFrame(DATA, columns=["a", "b"]).iloc[::-1].iloc[::-1].to_parquet("x.parquet", index=True)
    np.testing.assert_array_equal(read_table("x.parquet").values, DATA)


def test_bad_parquet():
    refused(lambda: read_table(parquet("x.parquet", a=[1.0, None])), "row 2, column 'a' is empty")
    refused(lambda: read_table(parquet("x.parquet", a=[1.0, float("nan")])), "row 2, column 'a' is nan")
    refused(lambda: read_table(parquet("x.parquet", a=[[1.0], [2.0]])), "not numeric")
    refused(lambda: read_table(parquet("x.parquet")), "0 columns")
    refused(lambda: read_table(write("x.parquet", b"")), "empty (0 bytes)")
    refused(lambda: read_table(write("x.parquet", b"PAR1 nonsense")), "not a readable parquet")


def test_parquet_without_pyarrow(monkeypatch):
    import sys

    write("x.parquet", b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Unsupported, match=r"otkit\[parquet\]"):
        read_table("x.parquet")


# --- pairs and weights ---


def test_columns_are_matched_by_name():
    write("x.csv", "a,b\n1,2\n")
    write("y.csv", "b,a\n20,10\n")
    pair = read_pair("x.csv", "y.csv")
    np.testing.assert_array_equal(pair.y, [[10, 20]])
    assert pair.names == ("a", "b") and "matched by name" in pair.notes[0]
    np.testing.assert_array_equal(read_pair("x.csv:a,b", "y.csv:b,a").y, [[20, 10]])
    np.testing.assert_array_equal(read_pair("x.csv", "y.csv", header="auto").x, [[1, 2]])


def test_different_columns_are_refused_with_the_common_ones():
    write("x.csv", "a,b,c\n1,2,3\n")
    write("y.csv", "a,b,d\n1,2,3\n")
    message = refused(lambda: read_pair("x.csv", "y.csv"), "'c' only in x.csv", "'d' only in y.csv", "x.csv:a,b")
    assert message.endswith("x.csv:a,b")
    refused(lambda: read_pair("x.csv:a,b", "y.csv"), "'d' only in y.csv")
    np.testing.assert_array_equal(read_pair("x.csv:c", "y.csv:d").x, [[3]])


def test_different_dimensions_are_refused():
    write("x.csv", "1,2\n3,4\n")
    write("y.csv", "1\n3\n")
    refused(lambda: read_pair("x.csv", "y.csv"), "x.csv has 2 columns, y.csv has 1 column")


def test_weights_from_a_file_of_their_own():
    write("x.csv", "a\n1\n2\n")
    write("w.csv", "w\n0.25\n0.75\n")
    np.save("w.npy", np.array([1, 0]))
    pair = read_pair("x.csv", "x.csv", weights_x="w.csv", weights_y="w.npy")
    np.testing.assert_array_equal(pair.a, [0.25, 0.75])
    np.testing.assert_array_equal(pair.b, [1, 0])


@pytest.mark.parametrize("name", ["x.csv", "x.parquet", "x.npy"])
def test_a_weight_column_of_the_samples_is_no_coordinate(name):
    if name == "x.csv":
        write(name, "a,w\n1,0.5\n2,1.5\n")
    elif name == "x.npy":
        np.save(name, np.array([(1, 0.5), (2, 1.5)], dtype=[("a", "f8"), ("w", "f8")]))
    else:
        parquet(name, a=[1.0, 2.0], w=[0.5, 1.5])
    write("y.csv", "a\n1\n2\n3\n")
    pair = read_pair(name, "y.csv", weights_x=f"./{name}:w")
    np.testing.assert_array_equal(pair.x, [[1], [2]])
    np.testing.assert_array_equal(pair.a, [0.5, 1.5])
    assert "'w' is the weight" in pair.notes[0]
    np.testing.assert_array_equal(read_pair(f"{name}:a", "y.csv", weights_x=f"{name}:2").a, [0.5, 1.5])


def test_weights_on_standard_input_with_their_samples():
    write("y.csv", "a\n1\n")
    pair = read_pair("-", "y.csv", weights_x="-:w", stdin=io.BytesIO(b"a,w\n1,2\n3,4\n"))
    np.testing.assert_array_equal(pair.x, [[1], [3]])
    np.testing.assert_array_equal(pair.a, [2, 4])
    refused(lambda: read_pair("-", "-:a", stdin=io.BytesIO(b"a\n1\n")), "both '-'")


BAD_WEIGHTS = {
    "too few": ("w\n1\n", "w.csv", "1 weights for the 2 samples of x.csv"),
    "two columns": ("u,v\n1,2\n3,4\n", "w.csv", "found 2 columns"),
    "negative": ("w\n1\n-2\n", "w.csv", "weight 2 is -2"),
    "all zero": ("w\n0\n0\n", "w.csv", "at least one must be positive"),
    "nan": ("w\n1\nnan\n", "w.csv", "line 3"),
    "the samples": ("", "x.csv", "name its weight column"),
    "no such column": ("", "x.csv:v", "no column 'v'"),
    "a bare column name": ("", "w", "write x.csv:w"),
    "no such file": ("", "v.csv", "v.csv: no such file"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_are_refused(case):
    content, spec, fragment = BAD_WEIGHTS[case]
    write("x.csv", "a,w\n1,1\n2,1\n")
    write("w.csv", content)
    refused(lambda: read_pair("x.csv", "x.csv", weights_x=spec), fragment)
    refused(lambda: read_pair("x.csv", "x.csv", weights_y=spec), fragment)


def test_a_table_of_weights_only():
    write("x.csv", "w\n1\n2\n")
    refused(lambda: read_pair("x.csv", "x.csv", weights_x="x.csv:w"), "no column of samples is left")
