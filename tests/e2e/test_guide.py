"""The guide followed to the letter: all but its ports and what npm installs."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest
from playwright.sync_api import Browser, Error, expect

from infra.local.addresses import free_addresses
from tests.support.browser import Window
from tests.support.inherited import inherited
from tests.support.stack import ROOT, running_stack

GUIDE = (ROOT / "docs/add-to-your-app.md").read_text()
WAYS = {"Plain JavaScript": "plain", "React": "react"}
FILE = re.compile(r"^`([\w./-]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.DOTALL | re.MULTILINE)


def files(way: str) -> dict[str, str]:
    """The files that the guide has one write, by name: those of all ways, and those of this one."""
    shared, *ways = GUIDE.split("\n### ")
    return dict(FILE.findall(shared) + FILE.findall(next(text for text in ways if text.startswith(way))))


def commands(mark: str) -> str:
    """The shell block that contains a word."""
    return next(str(code) for code in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) if mark in code)


@pytest.mark.parametrize("way", WAYS)
def test_the_examples_are_what_the_guide_builds(way: str) -> None:
    folder = ROOT / "public/examples" / WAYS[way]
    assert {name: (folder / name).read_text() for name in files(way)} == files(way)
    assert {f"src/{path.name}" for path in (folder / "src").iterdir()} <= set(files(way))


FIRESTORE = """
export const asked = [];
export const getFirestore = () => ({ type: "firestore" });
/** @param {{ type: string }} firestore @param {...string} path */
export const doc = (firestore, ...path) => path.join("/");
/** @param {string} path @returns {Promise<{ data(): Record<string, string> | undefined }>} */
export async function getDoc(path) {
  if (asked.push(path) === 1) throw new Error("offline");
  return { data: () => (path === "profiles/ada" ? { name: "Ada" } : undefined) };
}
"""
"""What the recipe uses of Firestore, which fails once and knows Ada."""
NAMED = """
import { asked } from "firebase/firestore";
import { nameOf } from "./names.js";
const named = [];
for (const uid of ["ada", "ada", "ada", "bo", "bo", ""]) named.push(await nameOf(uid));
console.log(JSON.stringify({ named, asked }));
"""
TYPED = {
    "noEmit": True,
    "strict": False,
    "allowJs": True,
    "checkJs": True,
    "skipLibCheck": True,
    "jsx": "react-jsx",
    "module": "ESNext",
    "moduleResolution": "bundler",
    "target": "ES2023",
    "types": ["react"],
    "paths": {"firebase/firestore": ["./firestore.js"], "firebase/*": ["./node_modules/@firebase/*"]},
}
VALUE = "interface HTMLElement { value: string }"  # the guide's forms have inputs


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """All code of the guide, with the recipe for names."""
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    (tmp_path / "firestore.js").write_text(FIRESTORE)
    names = next(part for part in GUIDE.split("\n### ") if part.startswith("Names"))
    for name, text in [*files("Plain").items(), *files("React").items(), *FILE.findall(names)]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_code_of_the_guide_agrees_with_the_packages_types(written: Path) -> None:
    (written / "value.d.ts").write_text(VALUE)
    config = {"compilerOptions": TYPED, "include": ["src", "value.d.ts"]}
    (written / "tsconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        ["node_modules/.bin/tsc"], cwd=written, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == ""


def test_a_name_is_read_once_and_again_after_a_failure(written: Path) -> None:
    (written / "src/firebase.js").write_text("")
    (written / "src/named.js").write_text(NAMED)
    alias = "--alias:firebase/firestore=./firestore.js"
    build = f"node_modules/.bin/esbuild src/named.js --bundle --format=esm {alias} --outfile=named.mjs"
    subprocess.run(shlex.split(build), cwd=written, check=True, capture_output=True, timeout=60)
    done = subprocess.run(["node", "named.mjs"], cwd=written, check=True, stdout=PIPE, text=True, timeout=60)
    assert json.loads(done.stdout) == {
        "named": ["ada", "Ada", "Ada", "bo", "bo", "Somebody"],
        "asked": ["profiles/ada", "profiles/ada", "profiles/bo"],
    }


class Site:
    """`my-app` in a folder of its own: the packages as they are packed, served by its own emulators."""

    def __init__(self, folder: Path, ports: dict[str, str]) -> None:
        self.folder = folder
        self.ports = ports
        self.url = f"http://127.0.0.1:{ports['5000']}"

    def moved(self, text: str) -> str:
        """A text of the guide with this site's ports."""
        return re.sub("|".join(self.ports), lambda port: self.ports[port[0]], text)

    def run(self, code: str, cwd: Path) -> None:
        """Run a shell block of the guide."""
        path = f"{ROOT / 'node_modules/.bin'}:{os.environ['PATH']}"
        env = inherited(measured=False) | {"PATH": path}
        subprocess.run(["bash", "-ec", code], cwd=cwd, env=env, check=True, capture_output=True, timeout=60)

    def install(self) -> None:
        """As `npm install` does with the packages, and without a network with what they depend on."""
        (self.folder / "node_modules").symlink_to(ROOT / "node_modules")
        for name in ("client", "react"):
            package = self.folder / "my-app/node_modules/@confab" / name
            package.mkdir(parents=True)
            [packed] = (self.folder / "my-app").glob(f"confab-{name}-*.tgz")
            subprocess.run(["tar", "-xzf", packed, "-C", package, "--strip-components=1"], check=True)
        own = ROOT / "public/client/node_modules"
        (self.folder / "my-app/node_modules/@confab/client/node_modules").symlink_to(own)

    def build(self, way: str) -> None:
        """Write the files of a way, in place of another's, and build it."""
        shutil.rmtree(self.folder / "my-app/src", ignore_errors=True)
        for name, text in files(way).items():
            file = self.folder / "my-app" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(
                self.moved(text).replace('"firebase/', '"@firebase/')
            )  # as they are installed here
        self.run(commands("npm run build"), self.folder / "my-app")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app's emulators, and a stack beside them that uses their users."""
    folder = tmp_path_factory.mktemp("guide")
    hosting, auth, hub, logging = (str(address.port) for address in free_addresses(4))
    site = Site(folder, {"5000": hosting, "9099": auth})
    app = folder / "my-app"
    (app / "public").mkdir(parents=True)
    config = json.loads(site.moved(files("React")["firebase.json"]))
    config["emulators"] |= {"hub": {"port": int(hub)}, "logging": {"port": int(logging)}}  # others may run
    (app / "firebase.json").write_text(json.dumps(config))
    start = [str(ROOT / "node_modules/.bin/firebase"), *shlex.split(commands("emulators:start"))[1:]]
    env = inherited(measured=False) | {
        "CI": "true",
        "METADATA_SERVER_DETECTION": "none",
        "TMPDIR": str(folder),
    }
    with subprocess.Popen(start, cwd=app, env=env, stdout=PIPE, text=True) as emulators:
        assert emulators.stdout is not None
        try:
            assert any("All emulators ready" in line for line in emulators.stdout)
            variables = dict(re.findall(r"^(\w+)=(\S+)", site.moved(commands("make dev")), re.MULTILINE))
            with running_stack(folder / "data", **variables) as stack:
                assert [line.split()[:2] for line in stack.lines if line.endswith(" runs already")] == [
                    ["auth", f"127.0.0.1:{auth}"]
                ]
                started = [line.split()[0] for line in stack.lines if line.endswith(" s")]
                assert not {"auth", "seed"} & {*started}, "what it uses it neither starts nor fills"
                site.ports["5100"] = stack.url.rsplit(":", 1)[1]
                site.run(commands("npm pack").replace("../my-app", str(app)), ROOT)
                site.install()
                yield site
        finally:
            emulators.send_signal(signal.SIGINT)


class User(Window):
    """Somebody who uses the app."""

    def come(self) -> str:
        """Sign in; the user id that the page shows."""
        self.page.goto("/")
        self.page.get_by_role("button", name="Sign in").click()
        shown = self.page.locator("code")
        expect(shown).to_have_text(re.compile(r"\S+"))
        return shown.inner_text()

    def write(self, text: str) -> None:
        self.page.get_by_role("textbox", name="Message").fill(text)
        self.page.get_by_role("button", name="Send").click()

    def sees(self, *rows: str) -> None:
        """Wait until the log has these rows and no others, and the text box is empty."""
        expect(self.page.get_by_role("log").get_by_role("listitem")).to_have_text(list(rows))
        expect(self.page.get_by_role("textbox", name="Message")).to_have_value("")


@pytest.mark.parametrize("way", WAYS)
def test_two_people_talk_and_what_one_writes_offline_arrives_once(
    site: Site, browser: Browser, way: str
) -> None:
    site.build(way)
    ada, bo = User(browser, site.url), User(browser, site.url)
    with ada.watched(allowed="ERR_INTERNET_DISCONNECTED"), bo.watched():
        ada_id, bo_id = ada.come(), bo.come()
        ada.page.get_by_role("textbox", name="Their user id").fill(bo_id)
        ada.page.get_by_role("button", name="Talk").click()
        expect(ada.page.get_by_role("status")).to_have_text("live")
        bo.page.reload()
        bo.page.get_by_role("listitem").get_by_role("link").click()
        ada.write("Hello")
        bo.sees(f"{ada_id}: Hello")
        bo.write("Hi")
        ada.sees("You: Hello", f"{bo_id}: Hi")

        ada.page.context.set_offline(True)
        ada.write("written offline")
        ada.sees("You: Hello", f"{bo_id}: Hi", "You (queued): written offline")
        ada.page.get_by_role("textbox", name="Message").press_sequentially("a draft")
        with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
            ada.page.reload()
        ada.page.context.set_offline(False)
        ada.page.reload()
        expect(ada.page.get_by_role("textbox", name="Message")).to_have_value("a draft")
        ada.write("and after")
        ada.sees("You: Hello", f"{bo_id}: Hi", "You: written offline", "You: and after")
        bo.sees(f"{ada_id}: Hello", "You: Hi", f"{ada_id}: written offline", f"{ada_id}: and after")
