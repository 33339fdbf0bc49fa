"""The workflows of continuous integration, and what they keep from a stranger's pull request."""

import importlib.util
import os
import re
import subprocess
import sys
import unicodedata
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt
from selectolax.lexbor import LexborHTMLParser

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: path for path in sorted((GITHUB / "workflows").glob("*.yml"))}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


def read(path: Path) -> Any:
    """A YAML file as GitHub reads it: `on` is a word."""
    return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)


def jobs(name: str) -> dict[str, Any]:
    found: dict[str, Any] = read(WORKFLOWS[name])["jobs"]
    return found


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in jobs(name).values() for step in job.get("steps", [])]


def expressions(node: Any) -> list[str]:
    """Every `${{ }}` below a node."""
    return re.findall(r"\$\{\{(.*?)\}\}", yaml.safe_dump(node, width=10_000), re.DOTALL)


@pytest.fixture(scope="module")
def untrusted() -> ModuleType:
    """The script that cleans reports, loaded as the workflow runs it: from its file."""
    path = GITHUB / "untrusted_report.py"
    spec = importlib.util.spec_from_file_location("untrusted_report", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestWorkflows:
    def test_actionlint_finds_nothing(self) -> None:
        linter = Path(sys.executable).parent / "actionlint"
        # What else is installed here must not decide: no other linters.
        done = subprocess.run(
            [linter, "-no-color", "-shellcheck=", "-pyflakes=", *WORKFLOWS.values()],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")

    @pytest.mark.parametrize("script", sorted(GITHUB.glob("*.sh")), ids=lambda path: path.name)
    def test_scripts_are_bash_that_stops_at_errors_and_traces_nothing(self, script: Path) -> None:
        subprocess.run(["bash", "-n", script], check=True)
        text = script.read_text()
        assert "set -euo pipefail" in text
        assert not re.search(r"set -\w*x|set -o xtrace", text)  # which would log secrets
        assert os.access(script, os.X_OK)

    @pytest.mark.parametrize("name", WORKFLOWS)
    def test_nothing_is_interpolated_into_a_script(self, name: str) -> None:
        # A branch may be called `$(curl …)`: values reach scripts as variables, not as text.
        assert [expressions(step["run"]) for step in steps(name) if "run" in step] == [
            [] for step in steps(name) if "run" in step
        ]

    @pytest.mark.parametrize("name", WORKFLOWS)
    def test_actions_are_ours_or_pinned_by_commit(self, name: str) -> None:
        used = [job["uses"] for job in jobs(name).values() if "uses" in job]
        used += [step["uses"] for step in steps(name) if "uses" in step]
        assert all(re.fullmatch(r"\./.*|[\w/-]+@[0-9a-f]{40}", action) for action in used)

    @pytest.mark.parametrize("name", WORKFLOWS)
    def test_permissions_are_given_job_by_job_and_are_the_least(self, name: str) -> None:
        assert read(WORKFLOWS[name])["permissions"] == {}
        least = {"contents": "read"}
        if name == "comment":
            least |= {"actions": "read", "pull-requests": "write"}
        assert [job["permissions"] for job in jobs(name).values()] == [least for _ in jobs(name)]

    @pytest.mark.parametrize("name", WORKFLOWS)
    def test_no_checkout_leaves_its_token_behind(self, name: str) -> None:
        checkouts = [step for step in steps(name) if "actions/checkout" in step.get("uses", "")]
        assert all(step["with"]["persist-credentials"] == "false" for step in checkouts)


class TestForks:
    def test_no_workflow_runs_with_secrets_on_the_event_of_a_fork(self) -> None:
        events = {name: list(read(path)["on"]) for name, path in WORKFLOWS.items()}
        assert events == {
            "comment": ["workflow_run"],
            "reproduce": ["workflow_call"],
            "review": ["pull_request"],  # not pull_request_target
        }

    def test_a_pull_request_is_of_a_branch_or_of_a_fork(self) -> None:
        where = "github.event.pull_request.head.repo.full_name"
        assert {name: job["if"] for name, job in jobs("review").items()} == {
            "branch": f"{where} == github.repository",
            "fork": f"{where} != github.repository",
        }

    def test_a_fork_is_handed_no_secret(self) -> None:
        fork = jobs("review")["fork"]
        assert "secrets" not in fork
        assert expressions(fork) == []
        assert fork["with"] == {"untrusted": "true"}

    def test_code_of_a_pull_request_sees_only_secrets_that_were_handed_on(self) -> None:
        handed = jobs("review")["branch"]["secrets"]
        assert (
            handed.keys() == read(WORKFLOWS["reproduce"])["on"]["workflow_call"]["secrets"].keys()
        )
        named = re.findall(r"secrets\.(\w+)", WORKFLOWS["reproduce"].read_text())
        assert set(named) == handed.keys()
        assert "github.token" not in WORKFLOWS["reproduce"].read_text()

    def test_results_are_pushed_only_where_a_secret_is(self) -> None:
        (step,) = [step for step in steps("reproduce") if "PUSH" in step.get("env", {})]
        offered = jobs("review")["branch"]["secrets"].keys() - {"AWS_SECRET_ACCESS_KEY"}
        conditions = step["env"]["PUSH"].removeprefix("${{ ").removesuffix(" }}").split(" || ")
        assert {*conditions} == {f"secrets.{name} != ''" for name in offered}

    def test_what_holds_the_write_token_runs_nothing_of_the_pull_request(self) -> None:
        (checkout,) = [step for step in steps("comment") if "uses" in step]
        assert checkout["with"].keys() == {"sparse-checkout", "persist-credentials"}  # no ref
        run = "\n".join(step["run"] for step in steps("comment") if "run" in step)
        assert "review.zip" in run
        assert not re.search(r"unzip|make |pip |dvc|git ", run)

    def test_the_write_token_is_not_there_while_a_report_is_read(self) -> None:
        (step,) = [
            step for step in steps("comment") if "untrusted_report.py" in step.get("run", "")
        ]
        assert "github.token" not in str(step)
        assert "env" not in jobs("comment")["comment"]

    def test_gitlab_gives_the_token_to_the_comment_alone(self) -> None:
        pipeline = read(ROOT / ".gitlab-ci.yml")
        assert pipeline["comment"]["environment"]["name"] == "review"
        assert "environment" not in pipeline["reproduce"]
        (rule,) = pipeline["comment"]["rules"]
        same = "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_MERGE_REQUEST_PROJECT_ID"
        assert rule["if"].startswith(f"{same} && ")


REPORT = """\
## workspace against origin/main

**long worse**: balanced accuracy 0.905 → 0.783, -0.122 [-0.147, -0.096] · 1 unchanged

| family | workspace &#124; main | p (Holm) |
| --- | --- | --- |
| long | -0.122 [-0.147, -0.096] | &#60; 0.001 |

<details><summary>Params (1)</summary>

| `` | a&#95;b&#64;&#8203;c | <code>x &#60; y</code> |
| --- | --- | --- |
| note | &#42;&#42;no emphasis&#42;&#42; &#35;&#8203;1 | https:&#8203;//example.org |

</details>

<details><summary>Curves and pictures</summary>

![ROC on test](roc_on_test.png)

</details>
""".replace("| `` |", "| |")

HOSTILE = {
    "mention": "@octocat &#64;octocat &commat;octocat &#x40;octocat @org/team a@b.example",
    "reference": "#1 &#35;1 owner/repo#1 GH-1 gh&#45;2 &num;3",
    "address": "https://evil.example http&colon;/&sol;evil.it www.evil.it &#119;ww&period;evil.it",
    "link": "[x](https://evil.example) [x][1] <https://evil.example> [x]: https://evil.example",
    "definition": "[1]: https://evil.example 'title'",
    "escaped link": r"\[click](//evil.example) \\[click](//evil.example) &#91;a](//evil.example)",
    "picture": "![x](https://evil.example/pixel.png) ![x](/proc/self/environ) ![x](other.png)",
    "picture line": "![x](/proc/self/environ)",
    "picture not there": "![x](other.png)",
    "picture title": '![a](roc_on_test.png "title") ![a] (roc_on_test.png)',
    "html": "<img src=x onerror=alert(1)> <a href='//evil.example'>x</a> <script>x</script> <!-- x",
    "html with a backslash": r"\<img src=x> \\<img src=x>",
    "html in html": "<details><summary><a href=//evil.example>x</a> \\<img src=x></summary>",
    "attribute": "<details open ontoggle=alert(1)> <code onclick=x>",
    "code": "` `` ``` ~~~ &#96;x&#96;",
    "command": "/merge",
    "command after nothing": "\u200b/approve",
    "command after spaces and nothing": " \u200b \ufeff/approve",
    "command after an entity of a new line": "&#x0d;/approve",
    "command after an entity without width": "&#x200b;/merge",
    "command after a name without width": "&ZeroWidthSpace;/label bug",
    "commit": f"{'0a1b2c3d' * 5} 0a1b2c3 x@0a1b2c3d4e",
    "new line": "a&NewLine;/merge &#10;# title &#13;![x](/proc/self/environ)",
    "direction": "abc\u202edcba\u2066 \u200b@\u200boctocat",
    "half entities": "&amp;#64;octocat &#64octocat &#00000000064;octocat &nosuch; &",
}


def rendered(markdown: str) -> Any:
    """What GitHub makes of Markdown, as a tree to ask."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    return LexborHTMLParser(reader.render(markdown))


def shown(markdown: str) -> str:
    """What a person reads of it: characters without width left out."""
    text: str = rendered(markdown).body.text(separator=" ")
    return " ".join("".join(one for one in text if unicodedata.category(one) != "Cf").split())


def artifact(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "review.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


class TestUntrustedReport:
    def test_a_report_of_ours_reads_as_before(self, untrusted: ModuleType) -> None:
        cleaned = untrusted.clean(REPORT, {"roc_on_test.png"})
        assert shown(cleaned) == shown(REPORT)
        for tag in ("h2", "strong", "table", "td", "details", "summary", "code", "img"):
            assert len(rendered(cleaned).css(tag)) == len(rendered(REPORT).css(tag)) > 0

    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    @pytest.mark.parametrize("place", ["{}", "| {} |\n| --- |\n| {} |", "> - {}", "<details>{}"])
    def test_nothing_acts(self, text: str, place: str, untrusted: ModuleType) -> None:
        cleaned = untrusted.clean(place.replace("{}", text), {"roc_on_test.png"})
        tree = rendered(cleaned)
        assert tree.css("a, img, script, [onclick], [ontoggle]") == []
        assert "<!--" not in cleaned
        # What GitHub would make a mention, a reference or an address of, in what is shown.
        text = tree.body.text(separator=" ")
        assert not re.search(r"@\w|#\d|\bgh-\d|://|www\.", text, re.IGNORECASE)
        assert not re.search(r"\b[0-9a-f]{7,40}\b", text)
        assert not re.search(r"(?m)^\s*/", cleaned)
        assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)

    def test_only_pictures_that_are_beside_it_are_shown(self, untrusted: ModuleType) -> None:
        line = "![<b>ROC</b> @x](roc_on_test.png)"
        assert rendered(untrusted.clean(line, set())).css("img") == []
        (image,) = rendered(untrusted.clean(line, {"roc_on_test.png"})).css("img")
        assert image.attributes["src"] == "roc_on_test.png"

    def test_a_text_that_is_too_long_is_cut_and_its_folds_closed(
        self, untrusted: ModuleType
    ) -> None:
        cleaned = untrusted.clean("<details><summary>x</summary>\n\n" + "@\n" * 50_000, set())
        assert len(cleaned) < 64_000
        assert cleaned.count("</details>") == 1
        assert cleaned.endswith("left out for length.\n")

    def test_of_an_archive_only_the_text_and_its_pictures_are_read(
        self, untrusted: ModuleType, tmp_path: Path
    ) -> None:
        lines = [f"![x]({name})" for name in ("good.png", "text.png", "big.png", "../up.png")]
        files = {
            "review.md": "\n".join(lines).encode() + b"\n../up.png\nreview.html",
            "review.html": PNG,
            "good.png": PNG,
            "text.png": b"#!/bin/sh",
            "big.png": PNG + bytes(untrusted.LARGEST_PICTURE),
            "unused.png": PNG,
            "../up.png": PNG,
        }
        _, pictures = untrusted.read(artifact(tmp_path, files))
        assert pictures == {"good.png": PNG}

    def test_what_cannot_be_trusted_is_said(self, tmp_path: Path) -> None:
        path = artifact(tmp_path, {"review.md": b"![x](roc.png)\n@you", "roc.png": PNG})
        facts = {"HEAD_SHA": "0123456789abcdef", "RUN_URL": "https://example.org/run/1"}
        for fork in ("true", "false"):
            folder = tmp_path / fork
            subprocess.run(
                [sys.executable, GITHUB / "untrusted_report.py", path, folder],
                env=os.environ | facts | {"FORK": fork},
                check=True,
            )
            text = (folder / "review.md").read_text(encoding="utf-8")
            assert text.startswith(
                "Commit 0123456789. [The run](https://example.org/run/1#artifacts)"
            )
            assert ("From a fork" in text) == (fork == "true")
            assert sorted(file.name for file in folder.iterdir()) == ["review.md", "roc.png"]


class TestPost:
    """The script that posts a report, with a command `cml` that keeps what it is given."""

    @pytest.fixture
    def report(self, tmp_path: Path) -> Path:
        folder = tmp_path / "report"
        folder.mkdir()
        (folder / "review.md").write_text("Title\n\n![ROC](roc.png)\n\n![Not](absent.png)\n")
        (folder / "roc.png").write_bytes(PNG)
        (folder / "unused.png").write_bytes(PNG)
        return folder

    def post(self, report: Path, *, upload: str, **variables: str) -> tuple[list[str], str]:
        """The calls of `cml`, and the text of the comment; `upload` is what an upload does."""
        (report.parent / "cml").write_text(
            f'#!/bin/sh\necho "$*" >> {report.parent}/calls\n[ "$1" != asset ] || {upload}\n'
        )
        (report.parent / "cml").chmod(0o755)
        path = os.pathsep.join([str(report.parent), os.environ["PATH"]])
        subprocess.run(
            [GITHUB / "post.sh", report, "pr/7"],
            env=os.environ | {"PATH": path} | variables,
            check=True,
        )
        calls = (report.parent / "calls").read_text().replace(f"{report}/", "").splitlines()
        return calls, (report / "comment.md").read_text()

    def test_pictures_are_uploaded_and_one_comment_is_updated(self, report: Path) -> None:
        address = "https://assets.example/1?cml=png&cache-bypass=2"
        calls, comment = self.post(report, upload=f"echo '{address}'")
        assert calls == [
            "asset publish roc.png",
            "comment update --publish=false --target=pr/7 comment.md",
        ]
        assert f"![ROC]({address})" in comment

    def test_pictures_that_cannot_be_uploaded_are_left_out(self, report: Path) -> None:
        _, comment = self.post(report, upload="exit 1")
        assert "Title" in comment
        assert "ROC" not in comment

    def test_pictures_stay_here_if_they_are_to(self, report: Path) -> None:
        calls, comment = self.post(report, upload="exit 1", CML_ASSET_URL="none")
        assert calls == ["comment update --publish=false --target=pr/7 comment.md"]
        assert "ROC" not in comment

    def test_only_files_that_are_pictures_are_uploaded(self, report: Path) -> None:
        secret = report.parent / "secret.png"
        secret.write_bytes(PNG)
        (report / "link.png").symlink_to(secret)
        (report / "text.png").write_text("TOKEN=1")
        (report / "empty.png").touch()
        (report / "folder.png").mkdir()
        with (report / "review.md").open("a") as file:
            for name in ("link", "text", "empty", "folder"):
                file.write(f"\n![Not]({name}.png)\n")
        calls, comment = self.post(report, upload="echo uploaded")
        assert calls[:-1] == ["asset publish roc.png"]
        assert "![ROC](uploaded)" in comment
        assert re.findall(r"!\[Not\]\((.*)\)", comment) == ["absent.png"]

    def test_no_text_is_read_or_written_through_a_link(self, report: Path) -> None:
        kept = report.parent / "kept"
        kept.write_text("TOKEN=1")
        (report / "comment.md").symlink_to(kept)
        self.post(report, upload="echo uploaded")
        assert kept.read_text() == "TOKEN=1"
        (report / "review.md").unlink()
        (report / "review.md").symlink_to(kept)
        (report.parent / "calls").unlink()
        with pytest.raises(subprocess.CalledProcessError):
            self.post(report, upload="echo uploaded")
        assert not (report.parent / "calls").exists()
